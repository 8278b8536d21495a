"""How far a search is, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from tightfit import Record


class Stopped(StrEnum):
    """Why a search ended."""

    FINISHED = "finished"
    EXHAUSTED = "exhausted"
    FAILING = "failing"
    ENOUGH = "enough"
    TIME = "time"
    PATIENCE = "patience"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search is after a record.

    Attributes:
        trained: Candidates that reached training, over all resumes; what ``trials`` counts.
        trials: How many are asked for.
        screened: Candidates screened out.
        failed: Candidates that failed.
        best: The feasible record that is best by the first objective.
        seconds: Wall time of this run.
        overhead_seconds: What of it was not spent evaluating.
        stopped: Candidates that were stopped in the middle of their training.
    """

    trained: int
    trials: int
    screened: int
    failed: int
    best: Record | None
    seconds: float
    overhead_seconds: float
    stopped: int = 0


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a run of a search came to.

    Attributes:
        records: Of the study, in trial order, those of earlier runs among them.
        stopped: Why the run ended.
        message: The same for people.
        seconds: Wall time of this run, from its first proposal to its last record.
        overhead_seconds: What of it was not spent evaluating: proposing, keeping and reporting.
    """

    records: tuple[Record, ...]
    stopped: Stopped
    message: str
    seconds: float
    overhead_seconds: float


OnRecord: TypeAlias = Callable[[Record, Progress], None]
"""Called after each record that was kept, e.g. by a progress bar."""

Enough: TypeAlias = Callable[[Record, Progress], bool]
"""Asked after each record that was kept whether the search has what it was run for."""
