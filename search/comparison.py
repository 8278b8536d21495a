"""Samplers side by side: how far each has come after so many trainings, and after so much time.

All curves are hypervolumes of one problem, from one reference point; what they are shares of is the
front of everything that any of the searches found, the best that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tightfit import FloatArray, Objective, Record, SpecError
from tightfit.search.hypervolume import hypervolume_history

REACHED = 0.95
"""Share of the best known hypervolume at which a search counts as arrived."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One search: what it found, and when.

    Attributes:
        sampler: Whose it is.
        seed: Of the search.
        records: In trial order.
        seconds: Wall time from the search's beginning to the end of each record, ``[records]``.
    """

    sampler: str
    seed: int
    records: tuple[Record, ...]
    seconds: FloatArray

    def __post_init__(self) -> None:
        if len(self.records) != len(self.seconds):
            raise SpecError(
                f"a trace needs a time for each of its {len(self.records)} records, "
                f"got {len(self.seconds)}"
            )


@dataclass(frozen=True, slots=True)
class Curve:
    """The hypervolume of one search, as share of the best known.

    Attributes:
        sampler: Whose it is.
        seed: Of the search.
        shares: After each training, ``[trainings]``.
        seconds: At the end of each training, ``[trainings]``.
    """

    sampler: str
    seed: int
    shares: FloatArray
    seconds: FloatArray

    def at(self, seconds: float) -> float:
        """Return the share that was reached by then; nothing before the first training."""
        done = int(np.searchsorted(self.seconds, seconds, side="right"))
        return float(self.shares[done - 1]) if done else 0.0

    def arrival(self) -> int | None:
        """Return the number of trainings after which the search had arrived, if it did."""
        arrived = np.flatnonzero(self.shares >= REACHED)
        return int(arrived[0]) + 1 if len(arrived) else None


@dataclass(frozen=True, slots=True)
class Band:
    """The curves of one sampler over its seeds.

    Attributes:
        sampler: Whose they are.
        mean: Over the seeds, after each training, ``[trainings]``.
        low: The worst seed's.
        high: The best seed's.
    """

    sampler: str
    mean: FloatArray
    low: FloatArray
    high: FloatArray


def best_known(
    records: Iterable[Record], objectives: Sequence[Objective], reference: FloatArray
) -> float:
    """Return the hypervolume of all that was found; 0 where nothing feasible is in reach of it."""
    history = hypervolume_history(tuple(records), objectives, reference)
    return float(history[-1]) if len(history) else 0.0


def share(volumes: FloatArray, *, best: float) -> FloatArray:
    """Return hypervolumes as shares of the best known; all are 0 where that is."""
    shares: FloatArray = volumes / best if best > 0 else np.zeros_like(volumes)
    return shares


def curve(
    trace: Trace, objectives: Sequence[Objective], reference: FloatArray, *, best: float
) -> Curve:
    """Return how a search came along, training by training.

    A record that did not reach training belongs to the training after it; what follows the last
    training counts for nothing.
    """
    history = share(hypervolume_history(trace.records, objectives, reference), best=best)
    trained = np.flatnonzero([record.trained for record in trace.records])
    return Curve(trace.sampler, trace.seed, history[trained], trace.seconds[trained])


def bands(curves: Sequence[Curve]) -> tuple[Band, ...]:
    """Return the band of each sampler, in the order in which the samplers first stand there.

    Where a search ended before another one of its sampler, its last share stays.
    """
    return tuple(
        Band(sampler, values.mean(0), values.min(0), values.max(0))
        for sampler, values in (
            (sampler, _padded(own)) for sampler, own in by_sampler(curves).items()
        )
    )


def by_sampler(curves: Sequence[Curve]) -> Mapping[str, tuple[Curve, ...]]:
    """Return the curves of each sampler."""
    names = dict.fromkeys(each.sampler for each in curves)
    return {name: tuple(each for each in curves if each.sampler == name) for name in names}


def _padded(curves: Sequence[Curve]) -> FloatArray:
    """Return the shares of curves of one sampler, ``[seeds, trainings]``."""
    length = max(len(each.shares) for each in curves)
    values = np.zeros((len(curves), length))
    for row, each in zip(values, curves, strict=True):
        row[: len(each.shares)] = each.shares
        row[len(each.shares) :] = each.shares[-1] if len(each.shares) else 0.0
    return values
