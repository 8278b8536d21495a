"""What the front trades off."""

from __future__ import annotations

from dataclasses import dataclass

from tightfit.metric import Direction


@dataclass(frozen=True, slots=True)
class Objective:
    """A metric to be made as good as the constraints allow."""

    metric: str
    direction: Direction

    def better(self, a: float, b: float) -> bool:
        """Whether the value ``a`` is strictly better than ``b``."""
        return a < b if self.direction is Direction.MINIMIZE else a > b
