"""Rules of operators that look through windows, or at whole pictures."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from tightfit.objectives.artifact.attributes import (
    integers,
    pair,
    text,
    truth,
)
from tightfit.objectives.artifact.litert.emitter import (
    LOWEST_CODE,
    NO_ACTIVATION,
    Scope,
    Value,
    channels_last,
    file_axis,
)
from tightfit.objectives.artifact.litert.flatfile import Option
from tightfit.objectives.artifact.litert.padding import Sliding

Pads: TypeAlias = tuple[tuple[int, int], tuple[int, int]]
"""Rows before and behind, columns before and behind."""


def max_pool(scope: Scope) -> Value:
    """MAX_POOL_2D; what is padded has the lowest code.

    Raises:
        CandidateError: Windows with holes.
    """
    if pair(scope.node, "dilation", 1) != (1, 1):
        raise scope.refusal("has windows with holes", "use dilation = 1")
    kernel = pair(scope.node, "kernel")
    stride = pair(scope.node, "stride", kernel)
    tensor, word = padded(scope, kernel, stride, filler=LOWEST_CODE)
    return scope.kept("MAX_POOL_2D", [tensor], **_window(kernel, stride, word))


def avg_pool(scope: Scope) -> Value:
    """AVERAGE_POOL_2D, padding counted or not as the layer says.

    Raises:
        CandidateError: Windows that reach over an edge and whose share there the format cannot say.
    """
    kernel = pair(scope.node, "kernel")
    stride = pair(scope.node, "stride", kernel)
    counted = truth(scope.node, "count_include_pad", True)
    own, needed = pair(scope.node, "padding", 0), needed_pads(scope, kernel, stride)
    if any(behind > before for (_, behind), before in zip(needed, own, strict=True)):
        raise scope.refusal("has windows that reach over the edge", "use ceil_mode = False")
    if is_same(scope, kernel, stride) and (not counted or not any(map(any, needed))):
        tensor, word = scope.value().tensor, "Padding.SAME"
    elif counted or not any(own):
        tensor, word = _padded_by(scope, needed, None), "Padding.VALID"
    else:
        raise scope.refusal("leaves padding out of its means", "use count_include_pad = True")
    return scope.kept("AVERAGE_POOL_2D", [tensor], **_window(kernel, stride, word))


def adaptive_avg_pool(scope: Scope) -> Value:
    """MEAN to 1x1, AVERAGE_POOL_2D where it divides.

    Raises:
        CandidateError: Windows of different sizes.
    """
    size, wanted = scope.input_shape()[2:], pair(scope.node, "output_size")
    if wanted == (1, 1):
        return _mean(scope, (1, 2), keep=True)
    if size == wanted:
        return scope.value()
    if size[0] % wanted[0] or size[1] % wanted[1]:
        raise scope.refusal(
            f"averages {list(size)} to {list(wanted)} in windows of different sizes",
            "use sizes that divide",
        )
    kernel = (size[0] // wanted[0], size[1] // wanted[1])
    window = _window(kernel, kernel, "Padding.VALID")
    return scope.kept("AVERAGE_POOL_2D", [scope.value().tensor], **window)


def mean(scope: Scope) -> Value:
    """MEAN.

    Raises:
        CandidateError: Axes without which channels would no more be the last.
    """
    rank, keep = len(scope.input_shape()), truth(scope.node, "keepdim", False)
    axes = tuple(sorted(file_axis(axis, rank) for axis in integers(scope.node, "axes")))
    if rank == 4 and not keep and axes != (1, 2):
        raise scope.refusal("takes single axes of a picture away", "use keepdim = True")
    return _mean(scope, axes, keep=keep)


def upsample(scope: Scope) -> Value:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, sampling where torch does.

    Raises:
        CandidateError: Another mode.
    """
    inputs = [scope.value().tensor, scope.numbers(*scope.output_shape[2:])]
    mode = text(scope.node, "mode", "nearest")
    if mode == "nearest":
        return scope.kept(
            "RESIZE_NEAREST_NEIGHBOR", inputs, alignCorners=False, halfPixelCenters=False
        )
    if mode != "bilinear":
        raise scope.refusal(f"samples by {mode!r}", "use 'nearest' or 'bilinear'")
    corners = truth(scope.node, "align_corners", False)
    return scope.kept("RESIZE_BILINEAR", inputs, alignCorners=corners, halfPixelCenters=not corners)


def padded(
    scope: Scope,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    *,
    filler: int | None = None,
) -> tuple[int, str]:
    """Return the tensor that a window slides over, and the format's word for its padding.

    SAME has the larger part of its padding behind, torch as much before. Where that is not the
    same, rows and columns are added by an operator of their own.

    Args:
        scope: Of a picture.
        kernel: (height, width) that a window reaches over, holes in it among them.
        stride: (down, right).
        filler: The code of what is added; that of zero when not given.
    """
    if is_same(scope, kernel, stride):
        return scope.value().tensor, "Padding.SAME"
    return _padded_by(scope, needed_pads(scope, kernel, stride), filler), "Padding.VALID"


def needed_pads(scope: Scope, kernel: tuple[int, int], stride: tuple[int, int]) -> Pads:
    """Return the padding with which the last windows just fit."""
    rows, columns = sliding(scope, kernel, stride)
    return (rows.before, int(rows.behind)), (columns.before, int(columns.behind))


def is_same(scope: Scope, kernel: tuple[int, int], stride: tuple[int, int]) -> bool:
    """Whether the format's SAME pads as the layer does."""
    return all(each.is_same for each in sliding(scope, kernel, stride))


def sliding(
    scope: Scope, kernel: tuple[int, int], stride: tuple[int, int]
) -> tuple[Sliding, Sliding]:
    """Return a layer's window down the rows, and along the columns."""
    rows, columns = (
        Sliding(np.asarray(size), np.asarray(count), reach, step, before)
        for size, count, reach, step, before in zip(
            scope.input_shape()[2:],
            scope.output_shape[2:],
            kernel,
            stride,
            pair(scope.node, "padding", 0),
            strict=True,
        )
    )
    return rows, columns


def _padded_by(scope: Scope, pads: Pads, filler: int | None) -> int:
    x = scope.value()
    if not any(map(any, pads)):
        return x.tensor
    _, height, width, channels = channels_last(scope.input_shape())
    shape = (1, height + sum(pads[0]), width + sum(pads[1]), channels)
    inputs = [x.tensor, scope.pairs([(0, 0), *pads, (0, 0)])]
    if filler is None:
        return scope.step("PAD", inputs, shape=shape, grid=x.grid)
    code = scope.emitter.file.shared(np.array([filler], dtype=np.int8), x.grid)
    return scope.step("PADV2", [*inputs, code], shape=shape, grid=x.grid)


def _mean(scope: Scope, axes: tuple[int, ...], *, keep: bool) -> Value:
    return scope.result("MEAN", [scope.value().tensor, scope.numbers(*axes)], keepDims=keep)


def _window(kernel: tuple[int, int], stride: tuple[int, int], padding: str) -> dict[str, Option]:
    return {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "filterHeight": kernel[0],
        "filterWidth": kernel[1],
        "fusedActivationFunction": NO_ACTIVATION,
    }
