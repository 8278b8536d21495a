"""The levels that a rounded activation takes."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Grid:
    """Of an activation: real = scale * (code - zero_point), codes 0..255.

    Attributes:
        scale: Float32, ``[]``.
        zero_point: ``[]``.
    """

    scale: Tensor
    zero_point: Tensor

    def steps(self, values: Tensor) -> Tensor:
        """Return how many steps values on the grid are away from zero, whole numbers."""
        return (values.float() / self.scale).round_()

    def values(self, steps: Tensor) -> Tensor:
        """Return the numbers that so many steps away from zero are."""
        return steps * self.scale
