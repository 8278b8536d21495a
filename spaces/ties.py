"""Which channels hang together: what is removed here must be removed there.

Every activation and every parameter has its axes, as expressions of :mod:`tightfit.spaces.axes`;
the same dim in two of them is the same run of channels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from tightfit import IntArray
from tightfit.spaces.axes import Axis, Dim, Joined, Plain, Product, dims, joined, product
from tightfit.spaces.layout_rules import BATCH

Axes: TypeAlias = tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Ties:
    """How the positions of a network's tensors hang together.

    Attributes:
        values: By name of input or node, the axes of its output, the batch's among them.
        tensors: By name of a parameter, its axes.
        fronts: By name of a slice, the positions in front of those that it takes.
        frozen: By number of a dim that must stay whole, the reason.
        heads: Numbers of dims that count the heads of an attention.
    """

    values: Mapping[str, Axes]
    tensors: Mapping[str, Axes]
    fronts: Mapping[str, Axis]
    frozen: Mapping[int, str]
    heads: frozenset[int]

    def channels(self, name: str) -> Axis:
        """Return what a runtime calls the channels of an activation: all that can change of it."""
        return self.changing(self.values[name])

    def changing(self, axes: Axes) -> Axis:
        """Return as one axis everything in some axes that can change.

        Factors that stay are left out: how many positions they are is another number for another
        size of the input, and those of a batch have nothing to do with one picture.
        """
        return product(tuple(map(self._changing, axes)))

    def loose(self, axis: Axis) -> bool:
        """Whether anything of an axis can be removed."""
        return any(dim.number not in self.frozen for dim in dims(axis))

    def _changing(self, axis: Axis) -> Axis:
        if not self.loose(axis):
            return Plain(1)
        if isinstance(axis, Product):
            return product(tuple(map(self._changing, axis.parts)))
        return _of_one_picture(axis)


def _of_one_picture(axis: Axis) -> Axis:
    """Take the batch out of runs that count heads, or channels, of every picture."""
    match axis:
        case Plain():
            return axis if axis.size % BATCH else Plain(axis.size // BATCH)
        case Dim():
            return axis
        case Joined():
            return joined(tuple(map(_of_one_picture, axis.parts)))
    return product(tuple(map(_of_one_picture, axis.parts)))


def positions(axis: Axis, kept: Mapping[int, Tensor]) -> Tensor:
    """Return which of an axis's positions stay, in order, ``[kept]``.

    Args:
        axis: With only dims that are not bound.
        kept: By number of a dim, its positions that stay; all of them where it is not named.
    """
    match axis:
        case Plain():
            return torch.arange(axis.size)
        case Dim():
            return kept.get(axis.number, torch.arange(axis.size))
        case Joined():
            starts = np.cumsum([0, *(part.size for part in axis.parts)])
            return torch.cat(
                [int(s) + positions(p, kept) for s, p in zip(starts, axis.parts, strict=False)]
            )
    found = torch.zeros(1, dtype=torch.long)
    for part in axis.parts:
        found = (found[:, None] * part.size + positions(part, kept)).flatten()
    return found


def owner(axis: Axis, number: int) -> Tensor:
    """Return for each position of an axis to which of a dim it belongs, -1 if none, ``[size]``."""
    match axis:
        case Dim() if axis.number == number:
            return torch.arange(axis.size)
        case Plain() | Dim():
            return torch.full((axis.size,), -1)
        case Joined():
            return torch.cat([owner(part, number) for part in axis.parts])
        case Product():
            found = torch.full((1,), -1)
            for part in axis.parts:
                inner = owner(part, number)
                found = torch.where(inner >= 0, inner, found[:, None]).flatten()
            return found


def changes(axis: Axis, numbers: Mapping[int, object]) -> bool:
    """Whether an axis has any of the dims."""
    return any(dim.number in numbers for dim in dims(axis))


def width(axis: Axis, widths: Mapping[int, IntArray]) -> IntArray | int:
    """Return how many positions an axis has left, ``[n]``, or one number where it cannot change."""
    match axis:
        case Plain():
            return axis.size
        case Dim():
            return widths.get(axis.number, axis.size)
        case Joined():
            return sum(width(part, widths) for part in axis.parts)
    return math.prod(width(part, widths) for part in axis.parts)
