"""How channels go through each operator: one rule each, in the table at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.axes import Axis, Joined, Mismatch, Plain, dims, product
from tightfit.spaces.follower import Follower, Rule
from tightfit.spaces.shapes import BATCH, Shape
from tightfit.spaces.ties import Axes, Ties

_WEIGHED = "it weighs all channels against each other"


def find_ties(graph: Graph, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> Ties:
    """Follow the axes through the graph.

    Args:
        graph: Traced.
        tensors: By the graph's names; only their shapes are read.
        shapes: Of every activation, with the batch axis.
    """
    return Follower(RULES, tensors, shapes).follow(graph)


def _unchanged(_f: Follower, _node: Node, read: list[Axes]) -> Axes:
    return read[0]


def _parameter(f: Follower, node: Node, _read: list[Axes]) -> Axes:
    return f.tensor(node, "value")


def _spatial(f: Follower, node: Node, read: list[Axes]) -> Axes:
    """Keep batch and channels; the positions behind them are counted anew."""
    f.freeze(read[0][2:], node, "it works across positions")
    return (*read[0][:2], *(Plain(side) for side in f.shapes[node.name][2:]))


def _conv(f: Follower, node: Node, read: list[Axes]) -> Axes:
    weight, channels = f.tensor(node, "weight"), read[0][1]
    groups = node.integer("groups", 1)
    transposed = node.operator == "conv_transpose"
    outer, inner = (weight[1], weight[0]) if transposed else (weight[0], weight[1])
    f.freeze((*weight[2:], *read[0][2:]), node, "it works across positions")
    if groups == 1:
        f.same(inner, channels, node)
        result = outer
    elif transposed:
        raise Mismatch("a transposed convolution in groups")
    else:
        split, rest = f.store.factor(channels, groups)
        f.same(inner, rest, node)
        split2, filters = f.store.factor(outer, groups)
        f.same(split, split2, node)
        result = product((split, filters))
    if "bias" in node.parameters:
        f.same(f.tensor(node, "bias")[0], result, node)
    sides = f.shapes[node.name][2:]
    return (read[0][0], result, *(Plain(side) for side in sides))


def _linear(f: Follower, node: Node, read: list[Axes]) -> Axes:
    outer, inner = f.tensor(node, "weight")
    f.same(inner, read[0][-1], node)
    if "bias" in node.parameters:
        f.same(f.tensor(node, "bias")[0], outer, node)
    return (*read[0][:-1], outer)


def _batch_norm(f: Follower, node: Node, read: list[Axes]) -> Axes:
    for role in node.parameters:
        f.same(f.tensor(node, role)[0], read[0][1], node)
    return read[0]


def _prelu(f: Follower, node: Node, read: list[Axes]) -> Axes:
    (slopes,) = f.tensor(node, "weight")
    if slopes.size == 1:
        f.freeze((slopes,), node, "one slope is for all channels")
    else:
        f.same(slopes, read[0][1], node)
    return read[0]


def _layer_norm(f: Follower, node: Node, read: list[Axes]) -> Axes:
    count = node.integer("axes")
    for role in node.parameters:
        for mine, theirs in zip(f.tensor(node, role), read[0][-count:], strict=True):
            f.same(mine, theirs, node)
    return read[0]


def _group_norm(f: Follower, node: Node, read: list[Axes]) -> Axes:
    groups, _ = f.store.factor(read[0][1], node.integer("groups"))
    f.freeze((groups,), node, "it counts the groups of a norm")
    return _batch_norm(f, node, read)


def _binary(f: Follower, node: Node, read: list[Axes]) -> Axes:
    if len(read) == 1:
        return read[0]
    return _broadcast(f, node, read[0], read[1])


def _broadcast(f: Follower, node: Node, left: Axes, right: Axes) -> Axes:
    rank = max(len(left), len(right))
    found: list[Axis] = []
    padded = ((Plain(1),) * (rank - len(axes)) + axes for axes in (left, right))
    for a, b in zip(*padded, strict=True):
        if a.size == 1 or b.size == 1:
            found.append(b if a.size == 1 else a)
        else:
            f.same(a, b, node)
            found.append(a)
    return tuple(found)


def _cat(f: Follower, node: Node, read: list[Axes]) -> Axes:
    axis = node.integer("axis") % len(read[0])
    for axes in read[1:]:
        for position, (a, b) in enumerate(zip(read[0], axes, strict=True)):
            if position != axis:
                f.same(a, b, node)
    from_all = Joined(tuple(axes[axis] for axes in read)) if len(read) > 1 else read[0][axis]
    return (*read[0][:axis], f.store.resolve(from_all), *read[0][axis + 1 :])


def _slice(f: Follower, node: Node, read: list[Axes]) -> Axes:
    axis = node.integer("axis")
    start, end = node.integer("start"), node.integer("end")
    step, size = node.integer("step", 1), read[0][axis].size
    if step != 1:
        count = f.shapes[node.name][axis]
        if not any(dims(read[0][axis])) or count * step != size or start >= step:
            return _shifted(f, node, read)
        # One of every few channels: they go together, few by few.
        outer, inner = f.store.factor(read[0][axis], count)
        f.freeze((inner,), node, "it takes one of these")
        return (*read[0][:axis], outer, *read[0][axis + 1 :])
    front, rest = f.store.cut(read[0][axis], start)
    taken, _ = f.store.cut(rest, end - start)
    f.fronts[node.name] = front
    return (*read[0][:axis], taken, *read[0][axis + 1 :])


def _permute(_f: Follower, node: Node, read: list[Axes]) -> Axes:
    return tuple(read[0][axis] for axis in node.integers("axes"))


def _reshape(f: Follower, node: Node, read: list[Axes]) -> Axes:
    """Match runs of axes that hold the same numbers, and count each anew."""
    before, after = list(read[0]), list(f.shapes[node.name])
    found: list[Axis] = []
    while before or after:
        run, sides = before[:1] or [Plain(1)], after[:1] or [1]
        before, after = before[1:], after[1:]
        while math.prod(axis.size for axis in run) != math.prod(sides):
            if math.prod(axis.size for axis in run) < math.prod(sides):
                run.append(before.pop(0))
            else:
                sides.append(after.pop(0))
        if len(run) == len(sides) == 1:
            found.append(run[0])
            continue
        rest = product(tuple(f.store.resolve(axis) for axis in run))
        for side in sides[:-1]:
            outer, rest = f.store.factor(rest, side)
            found.append(outer)
        found.append(rest)
    return tuple(found)[: len(f.shapes[node.name])]


def _reduce(f: Follower, node: Node, read: list[Axes]) -> Axes:
    rank = len(read[0])
    axes = {axis % rank for axis in node.integers("axes")}
    if node.operator == "mean":
        # A sum or a norm of channels is that of those which are left; a mean divides by them all.
        f.freeze([read[0][axis] for axis in axes], node, "it takes the mean of all channels")
    kept = bool(node.attributes.get("keepdim", False))
    return tuple(
        Plain(1) if position in axes else axis
        for position, axis in enumerate(read[0])
        if kept or position not in axes
    )


def _softmax(f: Follower, node: Node, read: list[Axes]) -> Axes:
    axis = read[0][node.integer("axis") % len(read[0])]
    f.freeze((axis,), node, _WEIGHED)
    return read[0]


def _matmul(f: Follower, node: Node, read: list[Axes]) -> Axes:
    left, right = read
    # A vector on the left is a row and one on the right a column, left out behind.
    row, column = left[-2:-1], right[-1:] if len(right) > 1 else ()
    f.same(left[-1], right[-2] if column else right[0], node)
    outer = _broadcast(f, node, left[:-2], right[:-2])
    f.heads += [axis for axis in outer if axis.size != BATCH]
    return (*outer, *row, *column)


def _attention(f: Follower, node: Node, read: list[Axes]) -> Axes:
    query, key, value = read[:3]
    f.same(query[-1], key[-1], node)
    f.same(key[-2], value[-2], node)
    f.freeze((key[-2],), node, _WEIGHED)
    if node.attributes.get("causal"):
        f.freeze((query[-2],), node, "it hides keys by their number")
    outer = _broadcast(f, node, _broadcast(f, node, query[:-2], key[:-2]), value[:-2])
    if len(read) == 4:
        _broadcast(f, node, (*outer, query[-2], key[-2]), read[3])
    f.heads += [axis for axis in outer if axis.size != BATCH]
    return (*outer, query[-2], value[-1])


def _expand(f: Follower, node: Node, read: list[Axes]) -> Axes:
    shape = f.shapes[node.name]
    padded = (Plain(1),) * (len(shape) - len(read[0])) + read[0]
    return tuple(
        axis if axis.size == side else Plain(side) for axis, side in zip(padded, shape, strict=True)
    )


def _gather(f: Follower, node: Node, read: list[Axes]) -> Axes:
    """Rows of a table by number: the rows stay, what each row holds may change."""
    axis = node.integer("axis")
    f.freeze((read[0][axis],), node, "its rows are taken by number")
    for index in f.tensor(node, "index"):
        f.freeze((index,), node, "numbers of rows")
    return (*read[0][:axis], Plain(f.shapes[node.name][axis]), *read[0][axis + 1 :])


def _shifted(f: Follower, node: Node, read: list[Axes]) -> Axes:
    """Positions that are moved or padded: whole, and counted anew."""
    found = []
    for axis, side, touched in zip(
        read[0], f.shapes[node.name], _touched(node, len(read[0])), strict=True
    ):
        if touched:
            f.freeze((axis,), node, "it moves positions along this axis")
        found.append(Plain(side) if touched else axis)
    return tuple(found)


def _touched(node: Node, rank: int) -> list[bool]:
    if node.operator == "slice":
        return [position == node.integer("axis") for position in range(rank)]
    if node.operator == "roll":
        axes = {axis % rank for axis in node.integers("axes")}
        return [position in axes for position in range(rank)]
    pads = node.integers("pads")
    return [any(pads[2 * position : 2 * position + 2]) for position in range(rank)]


RULES: Mapping[str, Rule] = {
    "parameter": _parameter,
    "conv": _conv,
    "conv_transpose": _conv,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "prelu": _prelu,
    "layer_norm": _layer_norm,
    "rms_norm": _layer_norm,
    "group_norm": _group_norm,
    **dict.fromkeys(
        (
            "relu", "hardswish", "hardsigmoid", "sigmoid", "silu", "tanh", "gelu", "clip", "elu",
            "selu", "leaky_relu", "dropout", "exp", "sqrt", "rsqrt", "neg", "abs", "softplus",
            "mish",
        ),
        _unchanged,
    ),
    **dict.fromkeys(("add", "sub", "mul", "div", "pow", "maximum", "minimum"), _binary),
    **dict.fromkeys(("max_pool", "avg_pool", "adaptive_avg_pool", "upsample"), _spatial),
    "cat": _cat,
    "slice": _slice,
    "permute": _permute,
    "reshape": _reshape,
    "flatten": _reshape,
    "mean": _reduce,
    "sum": _reduce,
    "norm": _reduce,
    "softmax": _softmax,
    "matmul": _matmul,
    "attention": _attention,
    "expand": _expand,
    "gather": _gather,
    "roll": _shifted,
    "pad": _shifted,
}  # fmt: skip
"""By operator of :mod:`tightfit.graph`, how the axes of its output come from those it reads."""
