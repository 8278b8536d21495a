"""How the format pads what windows slide over.

Its SAME adds half of what is missing in front, and what is odd behind; torch adds in front what the
layer says, and behind as much as the last window needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tightfit.space import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class Sliding:
    """A window along one axis of a picture.

    Attributes:
        size: Of the axis, ``[...]``.
        count: At how many places the window stands, ``[...]``.
        reach: How much it reaches over, holes in it among that.
        step: From one place to the next.
        before: What the layer adds in front.
    """

    size: IntArray
    count: IntArray
    reach: int
    step: int
    before: int

    @property
    def behind(self) -> IntArray:
        """What must be added behind so that the last window fits."""
        return np.maximum(self._missing - self.before, 0)

    @property
    def is_same(self) -> BoolArray:
        """Whether SAME pads as the layer does."""
        return self._is_same(self._missing)

    @property
    def widening(self) -> IntArray:
        """How much the window must grow behind for SAME to add in front what the layer does."""
        return np.maximum(2 * self.before - self._missing, 0) * int(self.before > 0)

    @property
    def is_same_widened(self) -> BoolArray:
        """Whether SAME pads as the layer does when the window has grown by that."""
        return self._is_same(self._missing + self.widening)

    @property
    def _missing(self) -> IntArray:
        return (self.count - 1) * self.step + self.reach - self.size

    def _is_same(self, missing: IntArray) -> BoolArray:
        as_often = np.equal(self.count, -(-self.size // self.step))
        fits: BoolArray = as_often & np.equal(np.maximum(missing, 0) // 2, self.before)
        return fits
