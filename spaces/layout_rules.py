"""Rules of operators whose meaning depends on shapes: from ATen to ours, as in ``operators.py``.

Shapes have the batch axis in front, written as 0. What moves or joins that axis has no rule: every
activation of a graph is a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from tightfit import SpecError
from tightfit.spaces.operators import Arguments, Attributes, Translation

Shape: TypeAlias = tuple[int, ...]
LayoutRule: TypeAlias = Callable[[Arguments, Shape, Shape], Translation]
"""Of the arguments, the first argument's shape and the result's."""


def part(axis: int, sizes: list[int], position: int) -> Translation:
    """Return what takes the piece ``position`` of a tensor split into ``sizes`` along ``axis``.

    Raises:
        SpecError: The axis is the batch's.
    """
    if axis == 0:
        raise SpecError("a split of the batch axis has no rule")
    start = sum(sizes[:position])
    return Translation("slice", {"axis": axis, "start": start, "end": start + sizes[position]})


def _reshape(_args: Arguments, before: Shape, after: Shape) -> Translation:
    if before[:1] != (0,) or after[:1] != (0,):
        raise SpecError("a reshape that joins or splits the batch axis has no rule")
    if len(after) == 2 and len(before) > 2:
        return Translation("flatten", {"start": 1})
    if len(before) > 1 and len(after) > 2 and before[1] == after[1]:
        # Channels stay the axis they are, however many of them are left.
        return Translation("reshape", {"shape": (0, -1, *after[2:])})
    return Translation("reshape", {"shape": after})


def _flatten(args: Arguments, before: Shape, after: Shape) -> Translation:
    start = (args[1] or 0) % len(before)
    if start and len(after) == start + 1:
        return Translation("flatten", {"start": start})
    return _reshape(args, before, after)


def _permute(axes: tuple[int, ...]) -> Translation:
    if axes[0] != 0:
        raise SpecError(f"a permutation that moves the batch axis has no rule, got {list(axes)}")
    return Translation("permute", {"axes": axes})


def _transpose(args: Arguments, before: Shape, _after: Shape) -> Translation:
    axes = list(range(len(before)))
    first, second = args[1] % len(axes), args[2] % len(axes)
    axes[first], axes[second] = second, first
    return _permute(tuple(axes))


def _slice(args: Arguments, before: Shape, after: Shape) -> Translation:
    axis = (args[1] or 0) % len(before)
    start, step = args[2] or 0, args[4] or 1
    if axis == 0 or step != 1:
        raise SpecError("a slice of the batch axis, or one with a step, has no rule")
    start = max(0, start + before[axis] if start < 0 else start)
    return Translation("slice", {"axis": axis, "start": start, "end": start + after[axis]})


def _upsample(before: Shape, after: Shape, more: Attributes) -> Translation:
    scale = (after[2] / before[2], after[3] / before[3])
    if any(math.floor(n * by) != m for n, by, m in zip(before[2:], scale, after[2:], strict=True)):
        raise SpecError(
            f"an interpolation from {list(before[2:])} to {list(after[2:])} has no rule; "
            "its scale must be a whole number"
        )
    return Translation("upsample", {"scale": scale, **more})


def _softmax(args: Arguments, before: Shape, _after: Shape) -> Translation:
    axis = args[1] % len(before)
    if axis == 0:
        raise SpecError("a softmax over the batch has no rule")
    return Translation("softmax", {"axis": axis})


LAYOUT_RULES: Mapping[str, LayoutRule] = {
    "view": _reshape,
    "reshape": _reshape,
    "_unsafe_view": _reshape,
    "unflatten": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "flatten": _flatten,
    "permute": lambda args, before, _after: _permute(tuple(a % len(before) for a in args[1])),
    "transpose": _transpose,
    "slice": _slice,
    "softmax": _softmax,
    "upsample_nearest2d": lambda _args, before, after: _upsample(
        before, after, {"mode": "nearest", "align_corners": False}
    ),
    "upsample_bilinear2d": lambda args, before, after: _upsample(
        before, after, {"mode": "bilinear", "align_corners": bool(args[2])}
    ),
}
"""By ATen's name without overload and without the mark of in-place variants."""

SPLITS = frozenset({"chunk", "split", "split_with_sizes"})
"""Operators that give several tensors, each of them a slice."""
