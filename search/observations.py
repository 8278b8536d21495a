"""What a search has read so far, as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

import numpy as np

from tightfit import (
    BoolArray,
    Constraint,
    FloatArray,
    IntArray,
    Kind,
    Measurement,
    Outcome,
    Record,
    SearchSpace,
)
from tightfit.search.early import Ends
from tightfit.search.history import History
from tightfit.search.region import Row

_INFINITE = 1e100
"""Values from which on nothing is told apart: a front's volume multiplies three of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Candidates that something was read of, and those that are on their way.

    Attributes:
        rows: Candidates in the order in which they were finished, ``[n, hparams]``.
        values: By metric, what was read of each, NaN where it was not, ``[n]``.
        pending: Candidates that are being evaluated, ``[running, hparams]``.
        seen: Those that must not be proposed again, these among them.
        early: Which of the candidates were not trained to their end, so that their quality is only
            expected and they are on no front, ``[n]``; ``None`` for none.
        doubts: By metric, standard deviations of what is only expected, 0 of what was read,
            ``[n]``; empty for none.
        margins: By limit whose whole interval counts, by how much the end that is held against it
            is worse than the value, NaN where nothing was measured, ``[n]``; empty for none.
        failed: Which of the candidates came to nothing, so that others like them are expected to
            fail as well, ``[n]``; ``None`` for none.
    """

    rows: IntArray
    values: Mapping[str, FloatArray]
    pending: IntArray
    seen: AbstractSet[Row]
    early: BoolArray | None = None
    doubts: Mapping[str, FloatArray] = field(default_factory=dict)
    margins: Mapping[Constraint, FloatArray] = field(default_factory=dict)
    failed: BoolArray | None = None

    def read(self, metric: str) -> IntArray:
        """Return the positions of the candidates that a metric was read of, or is expected of."""
        return np.flatnonzero(np.isfinite(self.values[metric]))

    def doubt(self, metric: str) -> FloatArray:
        """Return by how much values of a metric may be off because they are only expected, ``[n]``.

        Standard deviations, beside the noise of readings; 0 of what was read.
        """
        return self.doubts.get(metric, np.zeros(len(self.rows)))

    def margin(self, limit: Constraint) -> FloatArray:
        """Return by how much better than a limit's bound each value must be to keep it, ``[n]``."""
        return np.nan_to_num(self.margins.get(limit, np.zeros(len(self.rows))))

    def usual_margin(self, limit: Constraint) -> float:
        """Return the same for a candidate that was not measured: the median of those that were."""
        known = self.margins.get(limit, np.zeros(0))
        known = known[np.isfinite(known)]
        return float(np.median(known)) if len(known) else 0.0

    def take(self, positions: IntArray) -> Observations:
        """Return those at some positions; what is on its way and what was seen stay as they are."""
        return replace(
            self,
            rows=self.rows[positions],
            values={name: each[positions] for name, each in self.values.items()},
            early=None if self.early is None else self.early[positions],
            doubts={name: each[positions] for name, each in self.doubts.items()},
            margins={limit: each[positions] for limit, each in self.margins.items()},
            failed=None if self.failed is None else self.failed[positions],
        )


def told(value: float) -> float:
    """Return what a value tells: nothing, NaN, where it is infinite or cannot be told from it."""
    return value if abs(value) < _INFINITE else math.nan


def observations_of(history: History, space: SearchSpace, metrics: Iterable[str]) -> Observations:
    """Return what a search has read of some metrics, and which candidates failed.

    A candidate that was stopped in the middle of its training has the quality that is expected of
    its end.
    """
    known = list(history.seen.values())
    ends = Ends([each for each in known if each.outcome is not Outcome.FAILED])
    early = [each.outcome is Outcome.STOPPED for each in known]
    failed = [_failed(each, history) for each in known]
    return Observations(
        rows=space.batch([record.candidate for record in known]),
        values={
            metric: np.array([_value(each, metric, ends) for each in known]) for metric in metrics
        },
        pending=space.batch([]),
        seen=history.seen.keys(),
        early=np.array(early, dtype=np.bool_) if any(early) else None,
        doubts={
            metric: np.array([_doubt(each, metric, ends) for each in known]) for metric in metrics
        }
        if any(early)
        else {},
        margins={
            limit: np.array([_margin(each, limit, ends) for each in known])
            for limit in history.open_constraints
            if limit.confident
        },
        failed=np.array(failed, dtype=np.bool_) if any(failed) else None,
    )


def _failed(record: Record, history: History) -> bool:
    """Whether a candidate came to nothing, or to values that tell as little."""
    if record.outcome is not Outcome.EVALUATED:
        return record.outcome is Outcome.FAILED
    values = [record.measurement.value(each.metric) for each in history.objectives]
    return any(math.isnan(told(value)) for value in values)


def _value(record: Record, metric: str, ends: Ends) -> float:
    """Return what was read of a metric or is expected of it, NaN for neither."""
    read = _read(record, ends)
    return told(read.value(metric)) if metric in read else math.nan


def _margin(record: Record, limit: Constraint, ends: Ends) -> float:
    """Return what a limit demands beyond its bound, NaN where its metric was not measured."""
    read = _read(record, ends)
    if limit.metric not in read or read[limit.metric].kind is not Kind.MEASURED:
        return math.nan
    return limit.margin(read[limit.metric])


def _read(record: Record, ends: Ends) -> Measurement:
    """Return what was read of a candidate, or is expected of the end of a stopped one."""
    if record.outcome is Outcome.STOPPED and ends.known(record.rungs[-1]):
        return ends.measurement(record.rungs[-1])
    return record.measurement


def _doubt(record: Record, metric: str, ends: Ends) -> float:
    stopped = record.outcome is Outcome.STOPPED and metric in record.rungs[-1].measurement
    return ends.deviation(metric, record.rungs[-1]) if stopped else 0.0
