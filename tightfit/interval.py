"""95 % confidence intervals: what a number may still be, given how it was taken."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959964
"""The normal distribution's quantile at 0.975."""

_FEW = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706)
"""Student's quantiles at 0.975 for 1 to 5 degrees of freedom, where the expansion is poor."""


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, both included; of what is exact, both are the value."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From end to end."""
        return self.high - self.low

    def holds(self, value: float) -> bool:
        """Whether the value lies in it."""
        return self.low <= value <= self.high


def wilson(share: float, n: int) -> Interval:
    """Return the interval of a share of ``n`` independent answers.

    The score interval (Wilson, "Probable inference, the law of succession, and statistical
    inference", 1927). Unlike ``share ± 2 standard errors`` it covers as stated near 0 and 1, and
    does not end beyond them.
    """
    weight = Z * Z / n
    middle = (share + weight / 2) / (1 + weight)
    half = Z * math.sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    low = 0.0 if share == 0 else max(0.0, middle - half)
    return Interval(low, 1.0 if share == 1 else min(1.0, middle + half))


def student(value: float, stderr: float, repeats: int) -> Interval:
    """Return the interval of a mean with its standard error, taken over so many repeats.

    One repeat means that the error was not taken from the repeats: it is believed as it is.
    """
    quantile = student_quantile(repeats)
    return Interval(value - quantile * stderr, value + quantile * stderr)


def student_quantile(repeats: int) -> float:
    """Return Student's quantile at 0.975 for so many repeats, the normal one for a single one.

    Abramowitz and Stegun, "Handbook of mathematical functions", 1964, 26.7.5.
    """
    if repeats == 1:
        return Z
    freedom = repeats - 1
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3
