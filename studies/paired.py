"""A network beside the baseline on the same pictures: how many answers were lost and gained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tightfit import Interval
from tightfit.interval import wilson


@dataclass(frozen=True, slots=True)
class Paired:
    """Pictures by who answered them rightly.

    Attributes:
        both: The baseline and the network.
        lost: The baseline alone.
        gained: The network alone.
        neither: Nobody.
    """

    both: int
    lost: int
    gained: int
    neither: int

    @property
    def n(self) -> int:
        """How many pictures there were."""
        return self.both + self.lost + self.gained + self.neither

    @property
    def difference(self) -> float:
        """The network's accuracy minus the baseline's."""
        return (self.gained - self.lost) / self.n

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the difference.

        Newcombe, "Improved confidence intervals for the difference between binomial proportions
        based on paired data", Statistics in Medicine 17, 1998, method 10: Wilson's intervals of
        both shares, joined under their correlation. Pictures that both answer alike make it narrow.
        """
        ours = (self.both + self.gained) / self.n
        theirs = (self.both + self.lost) / self.n
        own, other = wilson(ours, self.n), wilson(theirs, self.n)
        correlation = self._correlation()

        def reach(a: float, b: float) -> float:
            return math.sqrt(max(0.0, a * a - 2 * correlation * a * b + b * b))

        return Interval(
            self.difference - reach(ours - own.low, other.high - theirs),
            self.difference + reach(own.high - ours, theirs - other.low),
        )

    def _correlation(self) -> float:
        """Return the correlation of the answers, with the continuity correction of method 10."""
        right, wrong = self.both + self.gained, self.lost + self.neither
        their_right, their_wrong = self.both + self.lost, self.gained + self.neither
        product = right * wrong * their_right * their_wrong
        if product == 0:
            return 0.0
        excess = float(self.both * self.neither - self.lost * self.gained)
        if excess > 0:
            excess = max(excess - self.n / 2, 0.0)
        return excess / math.sqrt(product)

    def to_json(self) -> dict[str, int]:
        """Return the counts as JSON values."""
        return {
            "both": self.both,
            "lost": self.lost,
            "gained": self.gained,
            "neither": self.neither,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, int]) -> Paired:
        """Read back what :meth:`to_json` wrote; what stands beside the counts is passed over."""
        return cls(values["both"], values["lost"], values["gained"], values["neither"])
