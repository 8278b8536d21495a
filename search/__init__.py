"""Which candidate next: samplers, screening, the Pareto front and the engine that runs a study."""

from tightfit.search.allocation import allocated_candidates
from tightfit.search.comparison import (
    REACHED,
    Band,
    Curve,
    Trace,
    bands,
    best_known,
    by_sampler,
    curve,
    share,
)
from tightfit.search.engine import Search
from tightfit.search.front import Front, nearest_misses, pareto_front, total_violation
from tightfit.search.halving import Halving
from tightfit.search.hypervolume import hypervolume, hypervolume_history
from tightfit.search.inheritance import Inheriting, weights_kept
from tightfit.search.journal import StorageError
from tightfit.search.ledger import records, snapshot
from tightfit.search.memo import Memo
from tightfit.search.optuna_sampler import GreyBoxSampler
from tightfit.search.progress import Enough, OnRecord, Progress, SearchOutcome, Stopped
from tightfit.search.reference_candidates import (
    ReferenceCandidate,
    reference_candidates,
    technique_columns,
)
from tightfit.search.samplers import SAMPLER_NAMES, check_sampler
from tightfit.search.storage import open_storage
from tightfit.search.survey import Survey, survey

__all__ = [
    "REACHED",
    "SAMPLER_NAMES",
    "Band",
    "Curve",
    "Enough",
    "Front",
    "GreyBoxSampler",
    "Halving",
    "Inheriting",
    "Memo",
    "OnRecord",
    "Progress",
    "ReferenceCandidate",
    "Search",
    "SearchOutcome",
    "Stopped",
    "StorageError",
    "Survey",
    "Trace",
    "allocated_candidates",
    "bands",
    "best_known",
    "by_sampler",
    "check_sampler",
    "curve",
    "hypervolume",
    "hypervolume_history",
    "nearest_misses",
    "open_storage",
    "pareto_front",
    "records",
    "reference_candidates",
    "share",
    "snapshot",
    "survey",
    "technique_columns",
    "total_violation",
    "weights_kept",
]
