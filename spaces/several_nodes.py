"""Rules of operators that become several nodes, or that read constants: from ATen to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from tightfit import Node, SpecError
from tightfit.spaces.attention import attention
from tightfit.spaces.exported_nodes import arguments_of, base_of, path_of, shape_of, where
from tightfit.spaces.graph_writer import INPUT, Several, Writer, repeated, reshaped
from tightfit.spaces.layout_rules import BATCH, LAYOUT_RULES, piece
from tightfit.spaces.operators import Unruled

_BOUNDS: Mapping[str, tuple[str, ...]] = {
    "clamp": ("maximum", "minimum"),
    "clamp_min": ("maximum",),
    "clamp_max": ("minimum",),
}
"""By operator, what its bounds do where they are tensors."""


def take(writer: Writer, node: fx.Node, source: fx.Node, axis: int, position: int) -> None:
    """Take one position along an axis, and leave the axis out.

    Raises:
        SpecError: The axis is the batch's.
    """
    before = shape_of(source)
    axis %= len(before)
    start = position % before[axis]
    try:
        found = piece(axis, [start, 1, before[axis] - start - 1], 1)
        left = LAYOUT_RULES["squeeze"]((), (*before[:axis], 1, *before[axis + 1 :]), shape_of(node))
    except SpecError as error:
        raise SpecError(f"a position taken in {where(node)}: {error}") from error
    read = (writer.value(source, "select", node),)
    taken = writer.step(node, "slice", read, found.attributes)
    writer.step(node, "reshape", (taken,), left.attributes)


def _select(writer: Writer, node: fx.Node) -> None:
    source, axis, position = arguments_of(node)[:3]
    take(writer, node, source, axis, position)


def _stack(writer: Writer, node: fx.Node) -> None:
    values, axis = arguments_of(node)[:2]
    axis %= len(shape_of(node))
    parts = []
    for each in values:
        before = shape_of(each)
        wider = (*before[:axis], 1, *before[axis:])
        attributes = LAYOUT_RULES["unsqueeze"]((), before, wider).attributes
        source = writer.value(each, "stack", node)
        parts.append(writer.step(node, "reshape", (source,), attributes))
    writer.step(node, "cat", tuple(parts), {"axis": axis})


def _index(writer: Writer, node: fx.Node) -> None:
    """Take rows by numbers that do not depend on the input, of one axis or of neighbours."""
    table, indices = arguments_of(node)[:2]
    before = shape_of(table)
    axes, numbers = _rows(writer, node, indices)
    first, behind = axes[0], axes[-1] + 1
    if any(before[axis] % BATCH == 0 for axis in axes):
        raise Unruled(f"'index' in {where(node)} has no rule for the batch")
    rows = torch.zeros((), dtype=torch.long)
    for axis, each in zip(axes, numbers, strict=True):
        rows = rows * before[axis] + each % before[axis]
    source = writer.value(table, "index", node)
    total = 1
    for axis in axes:
        total *= before[axis]
    flat = (*before[:first], total, *before[behind:])
    source = reshaped(writer, node, source, before, flat)
    name = _gathered(writer, node, source, rows.flatten(), axis=first)
    taken = (*before[:first], rows.numel(), *before[behind:])
    reshaped(writer, node, name, taken, shape_of(node))


def _rows(
    writer: Writer, node: fx.Node, indices: list[fx.Node | None]
) -> tuple[list[int], list[Tensor]]:
    """Return the axes that are indexed, and the numbers of each, as large as those of all.

    Raises:
        Unruled: They are not constant, or lie apart.
    """
    found = {axis: each for axis, each in enumerate(indices) if each is not None}
    constant = writer.constants.values
    axes = list(found)
    if axes != list(range(axes[0], axes[-1] + 1)) or not all(
        each.name in constant and constant[each.name].dtype != torch.bool for each in found.values()
    ):
        raise Unruled(
            f"'index' in {where(node)} has a rule only for constant numbers, of axes beside each "
            "other; for a mask, keep its mask.nonzero() as a buffer"
        )
    numbers = [constant[each.name] for each in found.values()]
    total = sum(numbers[1:], start=numbers[0])
    return axes, [each.expand_as(total) for each in numbers]


def _gathered(writer: Writer, node: fx.Node, source: str, rows: Tensor, *, axis: int) -> str:
    """Return the name of the rows of a value that stand along an axis."""
    parameters = {"index": writer.constants.keep(path_of(node), rows)}
    name = writer.name(path_of(node), "gather", is_layer=False)
    writer.append(node, Node(name, "gather", (source,), parameters, {"axis": axis}))
    return name


def _embedding(writer: Writer, node: fx.Node) -> None:
    """Take rows of a table by numbers that do not depend on the input, as of positions."""
    table, numbers, padding = arguments_of(node)[:3]
    rows = writer.constants.values.get(numbers.name)
    if rows is None or bool((rows == padding).any()):  # a row of padding learns nothing
        raise Unruled
    if rows.shape[:1] == (BATCH,) and bool((rows == rows[:1]).all()):
        rows = rows[:1]
    if any(side and side % BATCH == 0 for side in rows.shape):
        raise Unruled(f"'embedding' in {where(node)} has other rows for each picture")
    value, (count, width) = writer.value(table, "embedding", node), shape_of(table)
    if not torch.equal(rows.flatten().long(), torch.arange(count)):
        value = _gathered(writer, node, value, rows.flatten(), axis=0)
    found = (*rows.shape, width)
    value = reshaped(writer, node, value, (rows.numel(), width), found)
    value = repeated(writer, node, value, found, shape_of(node))
    writer.rename(node, value)


def _copy(writer: Writer, node: fx.Node) -> None:
    """Take what is written over the whole of something, repeated where it is smaller."""
    whole, new = arguments_of(node)[:2]
    source = writer.value(new, "copy", node)
    writer.rename(node, repeated(writer, node, source, shape_of(new), shape_of(whole)))


def _scatter(writer: Writer, node: fx.Node) -> None:
    """Put a tensor in the place of a slice."""
    whole, new, axis, start, end, step = arguments_of(node)[:6]
    axis %= len(shape_of(whole))
    if step != 1:
        raise Unruled(f"a write with a step in {where(node)} has no rule")
    first, last, _ = slice(start, end).indices(shape_of(whole)[axis])
    source = writer.value(new, "slice_scatter", node)
    _put_between(writer, node, source, axis=axis, first=first, last=last)


def _scatter_one(writer: Writer, node: fx.Node) -> None:
    """Put a tensor in the place of one position of an axis, which it does not have."""
    whole, new, axis, position = arguments_of(node)[:4]
    before = shape_of(whole)
    axis %= len(before)
    position %= before[axis]
    wider = (*before[:axis], 1, *before[axis + 1 :])
    source = writer.value(new, "select_scatter", node)
    source = reshaped(writer, node, source, shape_of(new), wider)
    _put_between(writer, node, source, axis=axis, first=position, last=position + 1)


def _put_between(
    writer: Writer, node: fx.Node, new: str, *, axis: int, first: int, last: int
) -> None:
    """Put a value between what is in front of it and what is behind."""
    whole = arguments_of(node)[0]
    side = shape_of(whole)[axis]
    if side % BATCH == 0:
        raise Unruled(f"a write across a batch in {where(node)} has no rule")
    source = writer.value(whole, base_of(node), node)
    parts = [
        writer.step(node, "slice", (source,), {"axis": axis, "start": low, "end": high})
        for low, high in ((0, first), (last, side))
        if low < high
    ]
    parts.insert(1 if first else 0, new)
    writer.step(node, "cat", tuple(parts), {"axis": axis})


def _addcmul(writer: Writer, node: fx.Node) -> None:
    total, first, second, factor = arguments_of(node)[:4]
    if factor != 1:
        raise Unruled(f"'addcmul' in {where(node)}: a factor has no rule, got {factor}")
    read = [writer.value(each, "addcmul", node) for each in (total, first, second)]
    writer.step(node, "add", (read[0], writer.step(node, "mul", (read[1], read[2]), {})), {})


def _added_product(writer: Writer, node: fx.Node) -> None:
    """Add a product of matrices to what is read first."""
    total, left, right, beta, alpha = arguments_of(node)[:5]
    base = base_of(node)
    if (beta, alpha) != (1, 1):
        raise Unruled(f"{base!r} in {where(node)}: factors have no rule, got {beta} and {alpha}")
    read = [writer.value(each, base, node) for each in (total, left, right)]
    product = writer.step(node, "matmul", (read[1], read[2]), {})
    writer.step(node, "add", (product, read[0]), {})


def _shuffled(writer: Writer, node: fx.Node) -> None:
    """Take one channel of each group after the other."""
    source, groups = arguments_of(node)[:2]
    batch, channels, *sides = before = shape_of(source)
    apart = (batch, groups, channels // groups, *sides)
    turned = (batch, channels // groups, groups, *sides)
    value = reshaped(writer, node, writer.value(source, "channel_shuffle", node), before, apart)
    axes = (0, 2, 1, *range(3, len(apart)))
    value = writer.step(node, "permute", (value,), {"axes": axes})
    reshaped(writer, node, value, turned, before)


def _of_two(kind: str) -> Several:
    """The form of ``max`` and ``min`` that compares two tensors."""

    def rule(writer: Writer, node: fx.Node) -> None:
        if len(node.args) != 2 or not isinstance(node.args[1], fx.Node):
            raise Unruled
        read = tuple(writer.value(each, kind, node) for each in node.args)
        writer.step(node, kind, (read[0], read[1]), {})

    return rule


def _clamp(writer: Writer, node: fx.Node) -> None:
    """Cut off at numbers, or at what tensors hold."""
    source, *bounds = arguments_of(node)
    value = writer.value(source, base_of(node), node)
    if not any(isinstance(each, fx.Node) for each in bounds):
        writer.step(node, "clip", (value,), writer.translation(node).attributes)
        return
    for kind, bound in zip(_BOUNDS[base_of(node)], bounds, strict=True):
        if bound is not None:
            read = writer.value(bound, base_of(node), node)
            value = writer.step(node, kind, (value, read), {})


def _subtracted_from(writer: Writer, node: fx.Node) -> None:
    """Take what is read from a number."""
    source, number, factor = arguments_of(node)[:3]
    if factor != 1 or not isinstance(number, int | float):
        raise Unruled(f"'rsub' in {where(node)} has a rule only for numbers without a factor")
    negative = writer.step(node, "neg", (writer.value(source, "rsub", node),), {})
    writer.step(node, "add", (negative,), {"scalar": float(number)})


def _expand(writer: Writer, node: fx.Node) -> None:
    """Repeat along axes of size 1; a batch is as large as the input's."""
    found = writer.translation(node)
    source = writer.value(node.args[0], "expand", node)
    shape: Any = found.attributes["shape"]
    inputs = (source, INPUT) if 0 in shape else (source,)
    writer.step(node, "expand", inputs, found.attributes)


SEVERAL_NODES: Mapping[str, Several] = {
    "select": _select,
    "stack": _stack,
    "index": _index,
    "embedding": _embedding,
    "expand": _expand,
    "expand_as": _expand,
    "repeat": _expand,
    "scaled_dot_product_attention": attention,
    "copy": _copy,
    "slice_scatter": _scatter,
    "select_scatter": _scatter_one,
    "addcmul": _addcmul,
    "rsub": _subtracted_from,
    "addmm": _added_product,
    "baddbmm": _added_product,
    "channel_shuffle": _shuffled,
    "native_channel_shuffle": _shuffled,
    "max": _of_two("maximum"),
    "min": _of_two("minimum"),
    **dict.fromkeys(_BOUNDS, _clamp),
}
"""By ATen's name without overload and without the mark of in-place variants."""
