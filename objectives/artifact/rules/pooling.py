"""Emission rules of operators that reduce the spatial axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tightfit.objectives.artifact.attributes import integers, pair, truth
from tightfit.objectives.artifact.emitter import AttributeValue, Scope, Value


def max_pool(scope: Scope) -> Value:
    """MaxPool; the largest code stands for the largest number, so it works on codes."""
    attributes = _window(scope, pads=_pads(scope))
    dilation = pair(scope.node, "dilation", 1)
    if dilation != (1, 1):
        attributes["dilations"] = dilation
    return scope.moved("MaxPool", [], **attributes)


def avg_pool(scope: Scope) -> Value:
    """AveragePool.

    Windows of ``ceil_mode`` that reach over the end count what lies in the picture and its stated
    padding, which runtimes disagree on: there the padding is written as a Pad of its own.
    """
    (x,) = scope.floats()
    padding = pair(scope.node, "padding", 0)
    counted = truth(scope.node, "count_include_pad", True) and any(padding)
    if not counted:
        return scope.result("AveragePool", [x], **_window(scope, pads=_pads(scope)))
    if not truth(scope.node, "ceil_mode", False):
        attributes = _window(scope, pads=(*padding, *padding))
        return scope.result("AveragePool", [x], **attributes, count_include_pad=1)
    amounts = np.array([0, 0, *padding, 0, 0, *padding], dtype=np.int64)
    padded = scope.step("Pad", [x, scope.shared(amounts)], "p")
    _, _, bottom, right = _pads(scope)
    pads = (0, 0, bottom - padding[0], right - padding[1])
    return scope.result("AveragePool", [padded], **_window(scope, pads=pads))


def adaptive_avg_pool(scope: Scope) -> Value:
    """GlobalAveragePool to 1x1, AveragePool where it divides, else products with averages.

    Where the sizes do not divide, windows differ in size and overlap; the mean over windows is
    linear along each axis: ``rows @ x @ columns``.
    """
    (x,) = scope.floats()
    size, wanted = scope.input_shape()[2:], pair(scope.node, "output_size")
    if wanted == (1, 1):
        return scope.result("GlobalAveragePool", [x])
    if size[0] % wanted[0] == 0 and size[1] % wanted[1] == 0:
        kernel = (size[0] // wanted[0], size[1] // wanted[1])
        return scope.result("AveragePool", [x], kernel_shape=kernel, strides=kernel)
    rows = scope.shared(averages(size[0], wanted[0]))
    columns = scope.shared(np.ascontiguousarray(averages(size[1], wanted[1]).T))
    return scope.result("MatMul", [scope.step("MatMul", [rows, x], "r"), columns])


def mean(scope: Scope) -> Value:
    """ReduceMean; over both spatial axes of a picture, kept, it is a GlobalAveragePool."""
    rank = len(scope.input_shape())
    axes = tuple(sorted(axis % rank for axis in integers(scope.node, "axes")))
    keep = truth(scope.node, "keepdim", False)
    if keep and rank == 4 and axes == (2, 3):
        return scope.result("GlobalAveragePool", scope.floats())
    return _reduced(scope, "ReduceMean")


def sum_(scope: Scope) -> Value:
    """ReduceSum."""
    return _reduced(scope, "ReduceSum")


def norm(scope: Scope) -> Value:
    """ReduceL2: the Euclidean norm."""
    return _reduced(scope, "ReduceL2")


def _reduced(scope: Scope, operator: str) -> Value:
    rank = len(scope.input_shape())
    axes = sorted(axis % rank for axis in integers(scope.node, "axes"))
    keep = truth(scope.node, "keepdim", False)
    wanted = scope.shared(np.array(axes, dtype=np.int64))
    return scope.result(operator, [*scope.floats(), wanted], keepdims=int(keep))


def averages(size: int, wanted: int) -> npt.NDArray[np.float32]:
    """Return the matrix ``[wanted, size]`` that averages torch's adaptive windows.

    Window i reaches from ``floor(i * size / wanted)`` to ``ceil((i + 1) * size / wanted)``.
    """
    matrix = np.zeros((wanted, size), dtype=np.float32)
    for window in range(wanted):
        start, end = window * size // wanted, -(-(window + 1) * size // wanted)
        matrix[window, start:end] = 1.0 / (end - start)
    return matrix


def _window(scope: Scope, *, pads: tuple[int, ...]) -> dict[str, AttributeValue]:
    kernel = pair(scope.node, "kernel")
    attributes: dict[str, AttributeValue] = {"kernel_shape": kernel}
    stride = pair(scope.node, "stride", kernel)
    if stride != (1, 1):
        attributes["strides"] = stride
    if any(pads):
        attributes["pads"] = pads
    return attributes


def _pads(scope: Scope) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right padding with which the last windows just fit.

    ``ceil_mode`` is expressed by more padding at the end: runtimes round differently.
    """
    kernel, padding = pair(scope.node, "kernel"), pair(scope.node, "padding", 0)
    stride, dilation = pair(scope.node, "stride", kernel), pair(scope.node, "dilation", 1)
    ends = []
    for axis in range(2):
        size, count = scope.input_shape()[2 + axis], scope.output_shape[2 + axis]
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        needed = (count - 1) * stride[axis] + reach - size - padding[axis]
        ends.append(max(padding[axis], needed))
    return padding[0], padding[1], ends[0], ends[1]
