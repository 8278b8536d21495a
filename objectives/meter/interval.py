"""The median of a few readings, with an interval that takes no distribution for granted."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tightfit.interval import student_quantile

FEWEST = 6
"""Readings; the range of fewer covers the median less often than nineteen times in twenty."""
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A median between the ends of its 95 % confidence interval.

    The ends are order statistics (Conover, "Practical Nonparametric Statistics", 3.2): the k-th
    lowest and the k-th highest reading, with the largest k that still covers. Readings far off move
    them only where there are many of them.
    """

    low: float
    median: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval, as a share of the median."""
        return (self.high - self.low) / 2 / self.median

    def stderr(self, repeats: int) -> float:
        """Return the standard error whose Student's interval over so many readings is as wide.

        It is in the unit of the readings.
        """
        return (self.high - self.low) / 2 / student_quantile(repeats)


def median_interval(values: Sequence[float]) -> Interval:
    """Return the median of independent readings; of fewer than six the ends are their range."""
    ordered = sorted(values)
    n, outside, rank = len(ordered), 0.0, 0
    while rank < (n - 1) // 2:
        outside += 2 * math.comb(n, rank) / 2**n
        if outside > 1 - _CONFIDENCE:
            break
        rank += 1
    lowest = max(rank - 1, 0)
    return Interval(ordered[lowest], statistics.median(ordered), ordered[n - 1 - lowest])
