"""Which candidate next: samplers, screening, the Pareto front and the engine that runs a study."""

from tightfit.search.allocation import allocated_candidates
from tightfit.search.engine import Search
from tightfit.search.front import Front, nearest_misses, pareto_front, total_violation
from tightfit.search.hypervolume import hypervolume, hypervolume_history
from tightfit.search.journal import StorageError
from tightfit.search.ledger import records
from tightfit.search.optuna_sampler import GreyBoxSampler
from tightfit.search.progress import OnRecord, Progress, SearchOutcome, Stopped
from tightfit.search.reference_candidates import (
    ReferenceCandidate,
    reference_candidates,
    technique_columns,
)
from tightfit.search.samplers import SAMPLER_NAMES, check_sampler
from tightfit.search.storage import open_storage
from tightfit.search.survey import Survey, survey

__all__ = [
    "SAMPLER_NAMES",
    "Front",
    "GreyBoxSampler",
    "OnRecord",
    "Progress",
    "ReferenceCandidate",
    "Search",
    "SearchOutcome",
    "Stopped",
    "StorageError",
    "Survey",
    "allocated_candidates",
    "check_sampler",
    "hypervolume",
    "hypervolume_history",
    "nearest_misses",
    "open_storage",
    "pareto_front",
    "records",
    "reference_candidates",
    "survey",
    "technique_columns",
    "total_violation",
]
