"""Which candidate next: samplers, screening, the Pareto front and the engine that runs a study."""
