"""Totals over the operations of a network, of which metrics are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray, IntArray

Parts: TypeAlias = Callable[[Blueprint, DeviceProfile], Iterator[FloatArray | IntArray]]


@dataclass(frozen=True, slots=True)
class Quantity:
    """The sum of parts, or the largest of them.

    Each part depends on the few choices that its operation depends on, so that a table of it is
    small (:mod:`tightfit.objectives.metrics.tables`). Parts are whole numbers, so that their sum is
    the same in any order.

    Attributes:
        parts: Gives them one after the other, ``[n]`` each. Its arithmetic is elementwise, as that
            of all that computes with a blueprint.
        largest: Whether the largest part counts, which is at least 0, and not their sum.
    """

    parts: Parts
    largest: bool = False

    def __call__(self, blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
        """Return the total of a batch, ``[n]``."""
        total = np.zeros(blueprint.n)
        join = np.maximum if self.largest else np.add
        for part in self.parts(blueprint, profile):
            join(total, part, out=total)
        return total
