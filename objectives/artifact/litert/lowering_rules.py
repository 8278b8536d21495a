"""How each operation of a blueprint becomes operators of a file.

One rule for each of :mod:`tightfit.objectives.artifact.litert.rules`, which writes them. What only
a trained network tells is taken as it is with most: no part of a concatenation is on the grid of
the result, and an operator of its own brings it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from tightfit.blueprint import Activation
from tightfit.objectives.artifact.attributes import number, pair, truth
from tightfit.objectives.artifact.litert.arena import SUM_BYTES, aligned
from tightfit.objectives.artifact.litert.padding import Sliding
from tightfit.objectives.artifact.litert.steps import Scope
from tightfit.space import BoolArray

CODE_BITS = 8

Rule: TypeAlias = Callable[[Scope], None]


def _one(kind: str, constants: int = 0) -> Rule:
    """Return the rule of an operation that is one operator, with its number among what it reads."""

    def rule(scope: Scope) -> None:
        scope.last(kind, scope.reads, constants)

    return rule


def _binary(kind: str, with_number: str) -> Rule:
    def rule(scope: Scope) -> None:
        alone = len(scope.reads) == 1
        scope.last(with_number if alone else kind, scope.reads, int(alone))

    return rule


def _layer(scope: Scope) -> None:
    operation = scope.operation
    if operation.operator == "linear" or not scope.source.sides:
        scope.last(
            "FULLY_CONNECTED", scope.reads, 2, channels=operation.out_channels,
            weights=operation.weights,
        )  # fmt: skip
        return
    stride, dilation = pair(scope.node, "stride", 1), pair(scope.node, "dilation", 1)
    reach = tuple(
        step * (side - 1) + 1 for step, side in zip(dilation, operation.kernel, strict=True)
    )
    windows = scope.windows((reach[0], reach[1]), stride)
    depthwise = np.equal(operation.groups, operation.in_channels) & (operation.groups > 1)
    same = _everywhere(each.is_same for each in windows)
    kernel = operation.kernel[0] * operation.kernel[1]
    area = np.zeros_like(operation.out_channels) + kernel
    if dilation == (1, 1):
        widened = depthwise & _everywhere(each.is_same_widened for each in windows)
        same = same | widened
        grown = [each.reach + each.widening for each in windows]
        area = np.where(widened, grown[0] * grown[1], kernel)
    copied = ~same & _pads(windows)
    inner = operation.in_channels // np.maximum(operation.groups, 1)
    weights = operation.out_channels * inner * area
    unpacked = aligned(weights * (operation.bits < CODE_BITS))
    for plain, reads in _padded(scope, "PAD", copied, windows):
        for kind, where in (("DEPTHWISE_CONV_2D", depthwise), ("CONV_2D", ~depthwise)):
            if (plain & where).any():
                scope.last(
                    kind, reads, 2, where=plain & where, channels=operation.out_channels,
                    weights=weights, scratch=unpacked,
                )  # fmt: skip


def _batch_norm(scope: Scope) -> None:
    channels = scope.operation.trained_extras // 2
    scope.last("DEPTHWISE_CONV_2D", scope.reads, 2, channels=channels, weights=channels)


def _max_pool(scope: Scope) -> None:
    kernel = pair(scope.node, "kernel")
    windows = scope.windows(kernel, pair(scope.node, "stride", kernel))
    copied = ~_everywhere(each.is_same for each in windows) & _pads(windows)
    for where, reads in _padded(scope, "PADV2", copied, windows):
        scope.last("MAX_POOL_2D", reads, where=where)


def _avg_pool(scope: Scope) -> None:
    kernel = pair(scope.node, "kernel")
    windows = scope.windows(kernel, pair(scope.node, "stride", kernel))
    same = _everywhere(each.is_same for each in windows)
    counted = truth(scope.node, "count_include_pad", True)
    copied = _pads(windows) & (np.ones_like(same) if counted else ~same)
    for where, reads in _padded(scope, "PAD", copied, windows):
        scope.last("AVERAGE_POOL_2D", reads, where=where)


def _adaptive_avg_pool(scope: Scope) -> None:
    if pair(scope.node, "output_size") == (1, 1):
        _mean(scope)
        return
    pairs = zip(scope.source.sides, scope.result.sides, strict=True)
    if _everywhere(np.equal(before, after) for before, after in pairs).all():
        scope.found.names[scope.operation.output] = scope.reads[0]
        return
    scope.last("AVERAGE_POOL_2D", scope.reads)


def _mean(scope: Scope) -> None:
    sums = aligned(SUM_BYTES * scope.result.elements)
    scope.last("MEAN", scope.reads, 1, scratch=sums)


def _hardsigmoid(scope: Scope) -> None:
    moved = scope.before("ADD", scope.reads, 1)
    scope.last("MUL", (moved,), 1)


def _silu(scope: Scope) -> None:
    gate = scope.before("LOGISTIC", scope.reads)
    scope.last("MUL", (*scope.reads, gate))


def _cat(scope: Scope) -> None:
    parts = [
        scope.before("QUANTIZE", (read,), elements=scope.found.elements[read])
        for read in scope.reads
    ]
    scope.last("CONCATENATION", parts)


def _flatten(scope: Scope) -> None:
    readers = [
        other.operator
        for other in scope.blueprint.operations
        if scope.operation.output in other.inputs
    ]
    reads = scope.reads
    if set(readers) != {"linear"} and _mixed(scope.source):
        reads = (scope.before("TRANSPOSE", reads, 1),)
    scope.last("RESHAPE", reads, 1)


def _reshape(scope: Scope) -> None:
    reads = scope.reads
    if _mixed(scope.source):
        reads = (scope.before("TRANSPOSE", reads, 1),)
    if _mixed(scope.result):
        reads = (scope.before("RESHAPE", reads, 1),)
        scope.last("TRANSPOSE", reads, 1)
    else:
        scope.last("RESHAPE", reads, 1)


def _pad(scope: Scope) -> None:
    if number(scope.node, "value", 0.0):
        scope.last("PADV2", scope.reads, 2)
    else:
        scope.last("PAD", scope.reads, 1)


def _padded(
    scope: Scope, kind: str, copied: BoolArray, windows: Sequence[Sliding]
) -> Iterator[tuple[BoolArray, tuple[str, ...]]]:
    """Give where a window slides over a padded copy, and where not, with what it reads there."""
    if not copied.all():
        yield ~copied, scope.reads
    if copied.any():
        rows, columns = windows
        channels = scope.source.elements // np.maximum(rows.size * columns.size, 1)
        sides = [each.size + each.before + each.behind for each in windows]
        elements = channels * sides[0] * sides[1]
        constants = 1 if kind == "PAD" else 2
        copy = scope.before(kind, scope.reads, constants, elements=elements, where=copied)
        yield copied, (copy,)


def _pads(windows: Sequence[Sliding]) -> BoolArray:
    """Return where a layer adds anything at all."""
    return reduce(np.logical_or, ((each.before > 0) | (each.behind > 0) for each in windows))


def _everywhere(flags: Iterator[BoolArray]) -> BoolArray:
    return reduce(np.logical_and, flags)


def _mixed(activation: Activation) -> bool:
    """Whether a picture has more than one position, so that its order of axes matters."""
    return any(np.greater(side, 1).any() for side in activation.sides)


LOWERING_RULES: Mapping[str, Rule] = {
    "conv": _layer,
    "linear": _layer,
    "batch_norm": _batch_norm,
    "relu": _one("RELU"),
    "clip": _one("QUANTIZE"),
    "hardswish": _one("HARD_SWISH"),
    "hardsigmoid": _hardsigmoid,
    "sigmoid": _one("LOGISTIC"),
    "silu": _silu,
    "tanh": _one("TANH"),
    "leaky_relu": _one("LEAKY_RELU"),
    "softmax": _one("SOFTMAX"),
    "add": _binary("ADD", "ADD"),
    "sub": _binary("SUB", "ADD"),
    "mul": _binary("MUL", "MUL"),
    "div": _binary("MUL", "MUL"),
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_avg_pool": _adaptive_avg_pool,
    "mean": _mean,
    "upsample": _one("RESIZE_BILINEAR", 1),
    "cat": _cat,
    "flatten": _flatten,
    "reshape": _reshape,
    "permute": _one("TRANSPOSE", 1),
    "slice": _one("STRIDED_SLICE", 3),
    "gather": _one("GATHER", 1),
    "pad": _pad,
}
"""As in :data:`tightfit.objectives.artifact.litert.rules.RULES`, by the graph's operators."""
