"""What readings in the middle of a training tell of its end."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tightfit import FloatArray, Measurement, Outcome, Reading, Record, Rung, Stage

_FEWEST = 3
"""Pairs from which on a line and the distance from it are known."""

_PRIOR = 2
"""Weight of the belief that what is a point better early is a point better in the end, in pairs."""

_DOUBT, _LEFT = 2, 0.05
"""Weight of the belief that the line leaves so much of the variance of ends, in pairs: three that
happen to lie on a line do not say that all will."""


class Ends:
    """Lines from early readings to final ones, learned from candidates that have both.

    A line goes through the means of its pairs. Its slope is that of least squares, drawn towards 1
    as by ``_PRIOR`` further pairs. Candidates were chosen by early readings and not by final ones,
    which leaves such a line unbiased.

    Args:
        records: Evaluated ones with rungs; others are left out.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._known = [each for each in records if each.outcome is Outcome.EVALUATED and each.rungs]
        self._lines: dict[tuple[str, float], _Line | None] = {}

    def known(self, rung: Rung) -> bool:
        """Whether enough candidates went on from this rung to their end."""
        metrics = [name for name, each in rung.measurement.readings.items() if _early(each)]
        return all(self._line(each, rung.share) is not None for each in metrics)

    def measurement(self, rung: Rung, luck: Mapping[str, float] | None = None) -> Measurement:
        """Return the readings of a rung with the quality that is expected in the end.

        Args:
            rung: One that is :meth:`known`.
            luck: By metric, how many standard deviations are added to what is expected.
        """
        expected = {}
        for name, reading in rung.measurement.readings.items():
            line = self._line(name, rung.share) if _early(reading) else None
            if line is not None:
                lucky = (luck or {}).get(name, 0.0) * line.deviation(reading.value)
                value = line.at(reading.value) + lucky
                # A line goes on beyond what a share of answers can be.
                value = min(max(value, 0.0), 1.0) if reading.answers else value
                expected[name] = replace(reading, value=value)
        return rung.measurement.updated(expected)

    def deviation(self, metric: str, rung: Rung) -> float:
        """Return the standard deviation of a metric's end from what is expected of it.

        0 where the metric is no quality, so that it is known at the rung, and only there: pairs
        that lie on a line to the last bit do not make an expectation a reading.
        """
        if not _early(rung.measurement[metric]):
            return 0.0
        line = self._line(metric, rung.share)
        if line is None:
            return math.inf
        return max(line.deviation(rung.measurement.value(metric)), sys.float_info.min)

    def _line(self, metric: str, share: float) -> _Line | None:
        if (metric, share) not in self._lines:
            self._lines[metric, share] = _fitted(self._pairs(metric, share))
        return self._lines[metric, share]

    def _pairs(self, metric: str, share: float) -> FloatArray:
        """Return early and final readings, ``[n, 2]``."""
        return np.array(
            [
                (rung.measurement.value(metric), record.measurement.value(metric))
                for record in self._known
                for rung in record.rungs
                if rung.share == share and metric in rung.measurement
            ]
        ).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with what is left around it.

    Attributes:
        early, final: Its means.
        slope: Final for early.
        squares: Sum of squared distances from the early mean, with those of the belief.
        pairs: How many it was learned from.
        variance: Of ends around the line.
    """

    early: float
    final: float
    slope: float
    squares: float
    pairs: int
    variance: float

    def at(self, early: float) -> float:
        return self.final + self.slope * (early - self.early)

    def deviation(self, early: float) -> float:
        """Return that of a new end, which the line's own uncertainty is part of."""
        away = (early - self.early) ** 2
        lever = away / self.squares if self.squares > 0 else 0.0
        return math.sqrt(self.variance * (1 + 1 / self.pairs + lever))


def _fitted(pairs: FloatArray) -> _Line | None:
    """Return the line through pairs ``[n, 2]``; ``None`` where they are too few."""
    if len(pairs) < _FEWEST:
        return None
    early, final = pairs.mean(axis=0).tolist()
    away = pairs - (early, final)
    squares = float((away[:, 0] ** 2).sum())
    prior = _PRIOR * squares / len(pairs)
    together = float((away[:, 0] * away[:, 1]).sum())
    slope = (together + prior) / (squares + prior) if np.ptp(pairs[:, 0]) > 0 else 1.0
    left = float(((away[:, 1] - slope * away[:, 0]) ** 2).sum())
    believed = _DOUBT * _LEFT * float((away[:, 1] ** 2).mean())
    variance = (left + believed) / (len(pairs) - 2 + _DOUBT)
    return _Line(early, final, slope, squares + prior, len(pairs), variance)


def _early(reading: Reading) -> bool:
    return reading.stage is Stage.LEARNED
