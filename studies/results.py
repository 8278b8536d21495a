"""What a run has found so far, as plain values: what tables, figures and exports are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tightfit import Constraint, Measurement, Metric, Objective, Record, SearchSpace, Stage
from tightfit.search.binding import Gain


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a search ended.

    Attributes:
        why: In a word: ``finished`` where its trials are spent, ``time``, ``patience``, ...
        message: In words.
    """

    why: str
    message: str

    @property
    def early(self) -> bool:
        """Whether its trials are not spent."""
        return self.why != "finished"


@dataclass(frozen=True, slots=True)
class Results:
    """A snapshot of a run.

    Attributes:
        name: Of the study.
        folder: The run's folder.
        space: The hparams that were searched.
        metrics: Every metric that records may have readings of, by name.
        constraints: With bounds as numbers.
        objectives: One to three.
        baseline: The readings of the uncompressed network.
        records: The search's own and the reference candidates of its space, in trial order.
        references: Networks outside the space: small nets, shapes trained from scratch.
        reference_point: Of the hypervolume, one value an objective.
        finished: Whether the run has spent its trials, or what else it was given.
        ending: Why its search ended the last time; ``None`` while it goes on.
        gains: What one per cent more of each limit would give, as predicted at the run's end.
    """

    name: str
    folder: Path
    space: SearchSpace
    metrics: dict[str, Metric]
    constraints: tuple[Constraint, ...]
    objectives: tuple[Objective, ...]
    baseline: Measurement
    records: tuple[Record, ...]
    references: tuple[Record, ...]
    reference_point: tuple[float, ...]
    finished: bool
    ending: Ending | None = None
    gains: tuple[Gain, ...] = ()

    @property
    def feasible(self) -> bool:
        """Whether any candidate keeps all limits."""
        return any(record.feasible for record in self.records)

    def donor(self, record: Record) -> int | None:
        """Return the trial whose weights a training began with; ``None`` is the baseline."""
        if record.start is None or not record.start.inherited:
            return None
        candidates = [each.candidate for each in self.records]
        return candidates.index(record.start.donor) if record.start.donor in candidates else None

    @property
    def quality(self) -> Metric:
        """The metric that training decides, e.g. accuracy."""
        return next(each for each in self.metrics.values() if each.stage is Stage.LEARNED)
