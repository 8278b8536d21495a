"""Rules of operators that move numbers, and of rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit.objectives.artifact.attributes import integer, integers, number
from tightfit.objectives.artifact.litert.emitter import (
    HIGHEST_CODE,
    LOWEST_CODE,
    NO_ACTIVATION,
    Scope,
    Value,
    channels_last,
    file_axis,
)
from tightfit.objectives.artifact.shapes import Shape

_LAST = (0, 2, 3, 1)
"""The graph's axes of a picture in the file's order."""

_FIRST = (0, 3, 1, 2)
"""The file's axes of a picture in the graph's order."""


def quantize(scope: Scope) -> Value:
    """Nothing on the same grid, QUANTIZE on another one; the network's input is a tensor of codes.

    What other operators give is rounded by them.
    """
    name, grid = scope.node.inputs[0], scope.emitter.grid(scope.node)
    if name in scope.emitter.program.graph.inputs:
        shape = channels_last(scope.input_shape())
        return Value(scope.emitter.file.activation(name, shape, grid), grid)
    found = scope.emitter.values[name]
    if found.grid == grid:
        return found
    return Value(
        scope.step("QUANTIZE", [found.tensor], shape=channels_last(scope.output_shape), grid=grid),
        grid,
        found.mixed,
    )


def cat(scope: Scope) -> Value:
    """CONCATENATION, which wants all that it reads on the grid of its result."""
    parts = []
    for position in range(len(scope.node.inputs)):
        part = scope.value(position)
        if part.grid != scope.grid:
            shape = channels_last(scope.input_shape(position))
            parts.append(scope.step("QUANTIZE", [part.tensor], shape=shape, grid=scope.grid))
        else:
            parts.append(part.tensor)
    axis = file_axis(integer(scope.node, "axis", 1), len(scope.output_shape))
    return scope.result("CONCATENATION", parts, axis=axis, fusedActivationFunction=NO_ACTIVATION)


def flatten(scope: Scope) -> Value:
    """RESHAPE; a picture is left channels last where only linear layers read it, which take their
    columns in that order.
    """
    shape, wanted = scope.input_shape(), scope.output_shape
    if len(shape) == 4 and len(wanted) == 2:
        plain = 1 in (shape[1], shape[2] * shape[3])
        if plain or scope.emitter.only_read_by(scope.node.name, "linear"):
            flat = _reshaped(scope, scope.value().tensor, wanted)
            return Value(flat, scope.value().grid, None if plain else shape[1:])
    return _in_graphs_order(scope, wanted)


def reshape(scope: Scope) -> Value:
    """RESHAPE, pictures turned to the graph's order before and back behind it."""
    return _in_graphs_order(scope, scope.output_shape)


def permute(scope: Scope) -> Value:
    """TRANSPOSE."""
    axes, rank = integers(scope.node, "axes"), len(scope.input_shape())
    order = _LAST if rank == 4 else tuple(range(rank))
    moved = tuple(file_axis(axes[axis], rank) for axis in order)
    if moved == tuple(range(rank)):
        return scope.value()
    return scope.kept("TRANSPOSE", [scope.value().tensor, scope.numbers(*moved)])


def slice_(scope: Scope) -> Value:
    """STRIDED_SLICE along one axis."""
    shape = scope.input_shape()
    axis = integer(scope.node, "axis") % len(shape)
    begin, end, step = [0] * len(shape), list(shape), [1] * len(shape)
    begin[axis], end[axis], _ = slice(
        integer(scope.node, "start", 0), integer(scope.node, "end")
    ).indices(shape[axis])
    step[axis] = integer(scope.node, "step", 1)
    limits = [scope.numbers(*channels_last(tuple(each))) for each in (begin, end, step)]
    return scope.kept("STRIDED_SLICE", [scope.value().tensor, *limits])


def gather(scope: Scope) -> Value:
    """GATHER."""
    axis = file_axis(integer(scope.node, "axis"), len(scope.input_shape()))
    rows = scope.numbers(*scope.tensor("index").tolist())
    return scope.kept("GATHER", [scope.value().tensor, rows], axis=axis)


def pad(scope: Scope) -> Value:
    """PAD with zero, PADV2 with the code of another number.

    Raises:
        CandidateError: Rows that are cut off.
    """
    flat = integers(scope.node, "pads")
    pads = [(flat[at], flat[at + 1]) for at in range(0, len(flat), 2)]
    if min(flat) < 0:
        raise scope.refusal("cuts rows off", "use a slice")
    if len(pads) == 4:
        pads = [pads[axis] for axis in _LAST]
    x, value = scope.value(), number(scope.node, "value", 0.0)
    if value == 0:
        return scope.kept("PAD", [x.tensor, scope.pairs(pads)])
    code = np.clip(np.rint(value / x.grid.scale) + x.grid.zero_point, LOWEST_CODE, HIGHEST_CODE)
    filler = scope.emitter.file.shared(code.astype(np.int8).reshape(1), x.grid)
    return scope.kept("PADV2", [x.tensor, scope.pairs(pads), filler])


def _in_graphs_order(scope: Scope, wanted: Shape) -> Value:
    shape, found = scope.input_shape(), scope.value().tensor
    if len(shape) == 4 and 1 not in (shape[1], shape[2] * shape[3]):
        found = scope.step(
            "TRANSPOSE", [found, scope.numbers(*_FIRST)], shape=shape, grid=scope.value().grid
        )
    if len(wanted) != 4:
        return Value(_reshaped(scope, found, wanted), scope.value().grid)
    if 1 in (wanted[1], wanted[2] * wanted[3]):
        return Value(_reshaped(scope, found, channels_last(wanted)), scope.value().grid)
    found = _reshaped(scope, found, wanted)
    return scope.kept("TRANSPOSE", [found, scope.numbers(*_LAST)])


def _reshaped(scope: Scope, tensor: int, shape: Sequence[int]) -> int:
    inputs = [tensor, scope.numbers(*shape)]
    return scope.step("RESHAPE", inputs, shape=shape, grid=scope.value().grid, newShape=list(shape))
