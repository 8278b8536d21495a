"""The shape of every value of a program, for one picture.

The batch axis has the size `BATCH`, which is free. It is -1, so that an axis of a batch times 4
windows has the size -4, and says that it has the batch in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tightfit.calls import recorded
from tightfit.errors import CandidateError
from tightfit.graph import Node
from tightfit.objectives.artifact.attributes import (
    integer,
    integers,
    pair,
    pair_of_floats,
    text,
    truth,
)
from tightfit.program import Program

BATCH = -1

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """A node with the shapes of what it reads."""

    node: Node
    inputs: tuple[Shape, ...]
    program: Program

    @property
    def weight(self) -> Shape:
        return self.program.tensors[self.node.parameters["weight"]].shape


def shapes(program: Program) -> dict[str, Shape]:
    """Return the shape of every input and node by name, the batch axis in front as `BATCH`.

    Raises:
        CandidateError: An operator that is not in the table, or operands that do not fit.
    """
    known: dict[str, Shape] = {
        name: (BATCH, *shape)
        for name, shape in zip(program.graph.inputs, program.input_shapes, strict=True)
    }
    for node in program.graph.nodes:
        rule = _RULES.get(node.operator, _same)
        read = tuple(known[name] for name in node.inputs)
        known[node.name] = rule(_Call(node, read, program))
    return known


def pooled(size: int, kernel: int, stride: int, padding: int, *, ceil: bool) -> int:
    """Return a pooling's output size as torch counts it.

    A window of ``ceil`` mode that would start behind the input and its left padding is dropped.
    """
    free = size + 2 * padding - kernel
    if not ceil:
        return free // stride + 1
    windows = -(-free // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + padding else windows


def _same(call: _Call) -> Shape:
    return call.inputs[0]


def _broadcast(call: _Call) -> Shape:
    if len(call.inputs) == 1:
        return call.inputs[0]
    return _broadcast_shapes(call, call.inputs[0], call.inputs[1])


def _broadcast_shapes(call: _Call, left: Shape, right: Shape) -> Shape:
    rank = max(len(left), len(right))
    result = []
    for a, b in zip(_padded(left, rank), _padded(right, rank), strict=True):
        if a != b and 1 not in (a, b):
            raise CandidateError(
                f"the operands of {call.node.name!r} ({call.node.operator}) must broadcast, "
                f"got {list(left)} and {list(right)}"
            )
        result.append(b if a == 1 else a)
    return tuple(result)


def _padded(shape: Shape, rank: int) -> Shape:
    return (1,) * (rank - len(shape)) + shape


def _conv(call: _Call) -> Shape:
    stride, padding = pair(call.node, "stride", 1), pair(call.node, "padding", 0)
    dilation = pair(call.node, "dilation", 1)
    spatial = (
        (size + 2 * pad - reach * (kernel - 1) - 1) // step + 1
        for size, kernel, step, pad, reach in zip(
            call.inputs[0][2:], call.weight[2:], stride, padding, dilation, strict=True
        )
    )
    return (call.inputs[0][0], call.weight[0], *spatial)


def _conv_transpose(call: _Call) -> Shape:
    stride, padding = pair(call.node, "stride", 1), pair(call.node, "padding", 0)
    dilation, extra = pair(call.node, "dilation", 1), pair(call.node, "output_padding", 0)
    spatial = (
        (size - 1) * step - 2 * pad + reach * (kernel - 1) + more + 1
        for size, kernel, step, pad, reach, more in zip(
            call.inputs[0][2:], call.weight[2:], stride, padding, dilation, extra, strict=True
        )
    )
    return (call.inputs[0][0], call.weight[1] * integer(call.node, "groups", 1), *spatial)


def _linear(call: _Call) -> Shape:
    return (*call.inputs[0][:-1], call.weight[0])


def _matmul(call: _Call) -> Shape:
    left, right = call.inputs
    # As in torch, a vector on the left is a row and one on the right a column, left out behind.
    row, column = left[-2:-1], right[-1:] if len(right) > 1 else ()
    return (*_broadcast_shapes(call, left[:-2], right[:-2]), *row, *column)


def _pool(call: _Call) -> Shape:
    kernel, padding = pair(call.node, "kernel"), pair(call.node, "padding", 0)
    stride, dilation = pair(call.node, "stride", kernel), pair(call.node, "dilation", 1)
    ceil = truth(call.node, "ceil_mode", False)
    spatial = (
        pooled(size, reach * (window - 1) + 1, step, pad, ceil=ceil)
        for size, window, step, pad, reach in zip(
            call.inputs[0][2:], kernel, stride, padding, dilation, strict=True
        )
    )
    return (*call.inputs[0][:2], *spatial)


def _adaptive_pool(call: _Call) -> Shape:
    return (*call.inputs[0][:-2], *pair(call.node, "output_size"))


def _cat(call: _Call) -> Shape:
    axis = integer(call.node, "axis", 1) % len(call.inputs[0])
    joined = sum(shape[axis] for shape in call.inputs)
    return (*call.inputs[0][:axis], joined, *call.inputs[0][axis + 1 :])


def _mean(call: _Call) -> Shape:
    rank = len(call.inputs[0])
    axes = {axis % rank for axis in integers(call.node, "axes")}
    if truth(call.node, "keepdim", False):
        return tuple(1 if axis in axes else size for axis, size in enumerate(call.inputs[0]))
    return tuple(size for axis, size in enumerate(call.inputs[0]) if axis not in axes)


def _flatten(call: _Call) -> Shape:
    start = integer(call.node, "start", 1) % len(call.inputs[0])
    if start == 0:
        return (BATCH,)
    return (*call.inputs[0][:start], math.prod(call.inputs[0][start:]))


def _reshape(call: _Call) -> Shape:
    wanted = integers(call.node, "shape")
    if wanted.count(0) > 1:
        raise CandidateError(
            f"the shape of {call.node.name!r} (reshape) may hold the batch size once, "
            f"got {list(wanted)}"
        )
    sides = [call.inputs[0][0] if size == 0 else size for size in wanted]
    fixed = math.prod(size for size, asked in zip(sides, wanted, strict=True) if asked != -1)
    elements = math.prod(call.inputs[0])
    if not fixed or elements % fixed or (-1 not in wanted and elements != fixed):
        raise CandidateError(
            f"the shape of {call.node.name!r} (reshape) must hold {abs(elements)} numbers, "
            f"got {list(wanted)}"
        )
    return tuple(
        elements // fixed if asked == -1 else size
        for size, asked in zip(sides, wanted, strict=True)
    )


def _permute(call: _Call) -> Shape:
    return tuple(call.inputs[0][axis] for axis in integers(call.node, "axes"))


def _slice(call: _Call) -> Shape:
    axis = integer(call.node, "axis") % len(call.inputs[0])
    start, end = integer(call.node, "start", 0), integer(call.node, "end")
    taken = len(range(call.inputs[0][axis])[start : end : integer(call.node, "step", 1)])
    return (*call.inputs[0][:axis], taken, *call.inputs[0][axis + 1 :])


def _upsample(call: _Call) -> Shape:
    scale = pair_of_floats(call.node, "scale")
    spatial = (int(size * by) for size, by in zip(call.inputs[0][2:], scale, strict=True))
    return (*call.inputs[0][:2], *spatial)


def _parameter(call: _Call) -> Shape:
    return call.program.tensors[call.node.parameters["value"]].shape


def _gather(call: _Call) -> Shape:
    axis = integer(call.node, "axis")
    (rows,) = call.program.tensors[call.node.parameters["index"]].shape
    return (*call.inputs[0][:axis], rows, *call.inputs[0][axis + 1 :])


def _expand(call: _Call) -> Shape:
    return tuple(BATCH if size == 0 else size for size in integers(call.node, "shape"))


def _pad(call: _Call) -> Shape:
    pads = integers(call.node, "pads")
    return tuple(
        size + sum(pads[2 * axis : 2 * axis + 2]) for axis, size in enumerate(call.inputs[0])
    )


def _attention(call: _Call) -> Shape:
    return (*call.inputs[0][:-1], call.inputs[2][-1])


_RULES: Mapping[str, Callable[[_Call], Shape]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": _linear,
    "matmul": _matmul,
    "add": _broadcast,
    "sub": _broadcast,
    "mul": _broadcast,
    "div": _broadcast,
    "maximum": _broadcast,
    "minimum": _broadcast,
    "max_pool": _pool,
    "avg_pool": _pool,
    "adaptive_avg_pool": _adaptive_pool,
    "cat": _cat,
    "mean": _mean,
    "sum": _mean,
    "norm": _mean,
    "pow": _broadcast,
    "parameter": _parameter,
    "gather": _gather,
    "expand": _expand,
    "pad": _pad,
    "attention": _attention,
    "flatten": _flatten,
    "reshape": _reshape,
    "permute": _permute,
    "slice": _slice,
    "upsample": _upsample,
    "aten": lambda call: recorded(text(call.node, "calls", "")).gives,
}
"""What changes a shape; every other operator keeps it."""
