"""The synthetic problem of the tests, for samplers to be compared on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import optuna

from benchmarks.problem import Values
from tests.integration import synthetic_problem as tests
from tightfit import Constraint, FloatArray, IntArray, Objective, SearchSpace


@dataclass(frozen=True)
class Synthetic:
    """19 hparams, error and size under two limits; 7 % of random candidates keep them."""

    space: SearchSpace = tests.SPACE
    objectives: tuple[Objective, ...] = tests.OBJECTIVES
    constraints: tuple[Constraint, ...] = tests.CONSTRAINTS
    best: float = tests.REFERENCE_HYPERVOLUME

    @property
    def corner(self) -> FloatArray:
        return tests.REFERENCE_POINT

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        return tests.costs(batch)

    def answers(self, batch: IntArray, seed: int) -> dict[str, FloatArray]:
        """Return the truth: this problem has no noise."""
        del seed
        return self.truth(batch)

    def truth(self, batch: IntArray) -> dict[str, FloatArray]:
        return {"error": tests.errors(batch)}

    def prior(self, seed: int) -> list[FloatArray]:
        """Return the damage of single choices with log-normal noise of 20 %."""
        return tests.noisy_damage(seed)

    def asked(self, trial: optuna.Trial, seed: int) -> tuple[Values, Values]:
        """Take rates and weights from anywhere between the bounds, as a plain study does."""
        del seed
        layers, bits, keeps = range(tests.LAYERS), tests.BITS, tests.KEEPS
        chosen = [bits.index(trial.suggest_categorical(f"b{i}", bits)) for i in layers]
        kept = [trial.suggest_int(f"k{i}", min(keeps), max(keeps)) for i in layers]
        rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        alpha = trial.suggest_float("alpha", 0.0, 1.0)
        length = trial.suggest_categorical("ft", tests.FINE_TUNING)
        row = np.array([*chosen, *(keeps.index(each) for each in kept), 0, 0, 0])[None]
        error = tests.error_of(
            row[:, : tests.LAYERS],
            np.array([kept]) / 8,
            rate=np.array([rate]),
            alpha=np.array([alpha]),
            length=np.array([tests.FINE_TUNING.index(length)]),
        )
        values = {metric: float(value[0]) for metric, value in tests.costs(row).items()}
        values["error"] = float(error[0])
        return values, values
