"""Rules of operators whose meaning depends on shapes: from ATen to ours, as in ``operators.py``.

Shapes have `BATCH` for the size of a batch: a large prime, so that a size that is computed from it
(a batch times its windows) shows that it is, and by how much.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tightfit import SpecError
from tightfit.spaces.operators import Arguments, Attributes, Translation, Unruled

BATCH = 1021

Shape: TypeAlias = tuple[int, ...]
LayoutRule: TypeAlias = Callable[[Arguments, Shape, Shape], Translation]
"""Of the arguments, the first argument's shape and the result's."""


def piece(axis: int, sizes: list[int], position: int) -> Translation:
    """Return what takes the piece ``position`` of a tensor split into ``sizes`` along ``axis``.

    Raises:
        SpecError: The axis is the batch's.
    """
    start = sum(sizes[:position])
    if any(size and size % BATCH == 0 for size in sizes):
        raise SpecError("a split of the batch axis has no rule")
    return Translation("slice", {"axis": axis, "start": start, "end": start + sizes[position]})


def _reshape(_args: Arguments, before: Shape, after: Shape) -> Translation:
    return Translation("reshape", {"shape": _wanted(before, after)})


def _wanted(before: Shape, after: Shape) -> tuple[int, ...]:
    """Return a reshape's argument: 0 copies the axis in front, -1 is what is left."""
    if before[:1] == (BATCH,) == after[:1]:
        if len(before) > 1 and len(after) > 2 and before[1] == after[1]:
            # Channels stay the axis they are, however many of them are left.
            return (0, -1, *after[2:])
        return (0, *after[1:])
    return tuple(-1 if side % BATCH == 0 else side for side in after)


def _flatten(args: Arguments, before: Shape, after: Shape) -> Translation:
    start = (args[1] or 0) % len(before)
    if start and len(after) == start + 1:
        return Translation("flatten", {"start": start})
    return _reshape(args, before, after)


def _view(args: Arguments, before: Shape, after: Shape) -> Translation:
    if before[:1] == (BATCH,) == after[:1] and len(after) == 2 and len(before) > 2:
        return Translation("flatten", {"start": 1})
    return _reshape(args, before, after)


def _expand(_args: Arguments, before: Shape, after: Shape) -> Translation:
    padded = (1,) * (len(after) - len(before)) + before
    if any(a != b and a != 1 for a, b in zip(padded, after, strict=True)):
        raise Unruled(f"an expansion from {list(before)} to {list(after)} has no rule")
    if any(side > BATCH and side % BATCH == 0 for side in after):
        raise Unruled("an expansion of what joined the batch has no rule")
    return Translation("expand", {"shape": tuple(0 if s == BATCH else s for s in after)})


def _permute(axes: tuple[int, ...]) -> Translation:
    return Translation("permute", {"axes": axes})


def _transpose(args: Arguments, before: Shape, _after: Shape) -> Translation:
    axes = list(range(len(before)))
    first, second = args[1] % len(axes), args[2] % len(axes)
    axes[first], axes[second] = second, first
    return _permute(tuple(axes))


def _adjoint(_args: Arguments, before: Shape, _after: Shape) -> Translation:
    """Exchange rows and columns; of floats nothing is conjugated."""
    front = len(before) - 2
    return _permute((*range(front), front + 1, front))


def _movedim(args: Arguments, before: Shape, _after: Shape) -> Translation:
    sources, targets = (
        [each % len(before) for each in ([part] if isinstance(part, int) else part)]
        for part in args[1:3]
    )
    left = [axis for axis in range(len(before)) if axis not in sources]
    order = {target: source for source, target in zip(sources, targets, strict=True)}
    return _permute(tuple(order[at] if at in order else left.pop(0) for at in range(len(before))))


def _slice(args: Arguments, before: Shape, after: Shape) -> Translation:
    axis = (args[1] or 0) % len(before)
    start, step = args[2] or 0, args[4] or 1
    if before[axis] % BATCH == 0:
        raise SpecError("a slice of the batch axis has no rule")
    start = max(0, start + before[axis] if start < 0 else start)
    more: Attributes = {"step": step} if step != 1 else {}
    end = start + (after[axis] - 1) * step + 1
    return Translation("slice", {"axis": axis, "start": start, "end": end, **more})


def _upsample(
    before: Shape, after: Shape, more: Attributes, *, given: Sequence[object]
) -> Translation:
    """Scale a map.

    Args:
        before: Of the map.
        after: Of the result.
        more: Attributes.
        given: Scales by which torch computes instead, flat or as a list, ``None`` for none.
    """
    scale = (after[2] / before[2], after[3] / before[3])
    flat = [by for part in given for by in (part if isinstance(part, list) else [part]) if by]
    if flat and not more["align_corners"] and tuple(flat) != scale:
        raise Unruled(
            f"an interpolation from {list(before[2:])} to {list(after[2:])} by {flat} has no rule; "
            "give the size that it should have"
        )
    if any(math.floor(n * by) != m for n, by, m in zip(before[2:], scale, after[2:], strict=True)):
        raise Unruled(
            f"an interpolation from {list(before[2:])} to {list(after[2:])} has no rule; "
            "the scale between them is rounded, and gives another size"
        )
    return Translation("upsample", {"scale": scale, **more})


def _softmax(args: Arguments, before: Shape, _after: Shape) -> Translation:
    axis = args[1] % len(before)
    if before[axis] % BATCH == 0:
        raise SpecError("a softmax over the batch has no rule")
    return Translation("softmax", {"axis": axis})


def _roll(args: Arguments, before: Shape, _after: Shape) -> Translation:
    shifts, axes = ([each] if isinstance(each, int) else list(each) for each in args[1:3])
    if len(shifts) != len(axes):
        raise Unruled("a roll over all axes at once has no rule; name the axes")
    return Translation(
        "roll", {"shifts": tuple(shifts), "axes": tuple(axis % len(before) for axis in axes)}
    )


def _pad(args: Arguments, before: Shape, _after: Shape) -> Translation:
    mode, value = ("constant", args[2]) if not isinstance(args[2], str) else (args[2], args[3])
    if mode != "constant" or any(pad < 0 for pad in args[1]):
        raise Unruled(f"a padding of the mode {mode!r}, or a negative one, has no rule")
    last_first = [tuple(args[1][at : at + 2]) for at in range(0, len(args[1]), 2)]
    pairs = [(0, 0)] * (len(before) - len(last_first)) + last_first[::-1]
    return Translation(
        "pad", {"pads": tuple(side for pair in pairs for side in pair), "value": float(value or 0)}
    )


LAYOUT_RULES: Mapping[str, LayoutRule] = {
    "view": _view,
    "reshape": _view,
    "_unsafe_view": _view,
    "reshape_as": _view,
    "view_as": _view,
    "unflatten": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "flatten": _flatten,
    "permute": lambda args, before, _after: _permute(tuple(a % len(before) for a in args[1])),
    "transpose": _transpose,
    "swapaxes": _transpose,
    "swapdims": _transpose,
    "mT": _adjoint,
    "mH": _adjoint,
    "adjoint": _adjoint,
    "movedim": _movedim,
    "moveaxis": _movedim,
    "t": lambda _args, before, _after: _permute((1, 0)[: len(before)]),
    "numpy_T": lambda _args, before, _after: _permute(tuple(range(len(before)))[::-1]),
    "slice": _slice,
    "expand": _expand,
    "expand_as": _expand,
    "repeat": _expand,
    "roll": _roll,
    "pad": _pad,
    "constant_pad_nd": lambda args, before, after: _pad(
        [args[0], args[1], "constant", args[2]], before, after
    ),
    "softmax": _softmax,
    "upsample_nearest2d": lambda args, before, after: _upsample(
        before, after, {"mode": "nearest", "align_corners": False}, given=args[2:]
    ),
    "upsample_bilinear2d": lambda args, before, after: _upsample(
        before, after, {"mode": "bilinear", "align_corners": bool(args[2])}, given=args[3:]
    ),
}
"""By ATen's name without overload and without the mark of in-place variants."""

SPLITS = frozenset({"chunk", "split", "split_with_sizes", "unbind"})
"""Operators that give several tensors, each of them a slice."""
