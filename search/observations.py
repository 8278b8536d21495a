"""What a search has read so far, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from tightfit import FloatArray, IntArray, Outcome, SearchSpace
from tightfit.search.history import History
from tightfit.search.region import Row


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Candidates that something was read of, and those that are on their way.

    Attributes:
        rows: Candidates in the order in which they were finished, ``[n, hparams]``.
        values: By metric, what was read of each, NaN where it was not, ``[n]``.
        pending: Candidates that are being evaluated, ``[running, hparams]``.
        seen: Those that must not be proposed again, these among them.
    """

    rows: IntArray
    values: Mapping[str, FloatArray]
    pending: IntArray
    seen: AbstractSet[Row]

    def read(self, metric: str) -> IntArray:
        """Return the positions of the candidates that a metric was read of."""
        return np.flatnonzero(np.isfinite(self.values[metric]))


def observations_of(history: History, space: SearchSpace, metrics: Iterable[str]) -> Observations:
    """Return what a search has read of some metrics; failed candidates say nothing."""
    known = [each for each in history.seen.values() if each.outcome is not Outcome.FAILED]
    return Observations(
        rows=space.batch([record.candidate for record in known]),
        values={
            metric: np.array(
                [
                    record.measurement.value(metric) if metric in record.measurement else np.nan
                    for record in known
                ]
            )
            for metric in metrics
        },
        pending=space.batch([]),
        seen=history.seen.keys(),
    )
