"""Emission rules of norms, products and quantization."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.attributes import integer, number
from tightfit.objectives.artifact.emitter import Grid, Scope, Value

ACTIVATION_BITS = 8


def batch_norm(scope: Scope) -> Value:
    """BatchNormalization; a missing weight is one, a missing bias zero."""
    mean, variance = scope.tensor("running_mean"), scope.tensor("running_var")
    inputs = [
        _or_filled(scope, "weight", "w", mean.shape, 1.0),
        _or_filled(scope, "bias", "b", mean.shape, 0.0),
        scope.constant("m", mean.astype(np.float32)),
        scope.constant("s", variance.astype(np.float32)),
    ]
    epsilon = number(scope.node, "eps", 1e-5)
    return scope.result("BatchNormalization", [*scope.floats(), *inputs], epsilon=epsilon)


def layer_norm(scope: Scope) -> Value:
    """LayerNormalization over the trailing axes."""
    axes = integer(scope.node, "axes", 1)
    weight = scope.optional("weight")
    inputs = [_ones(scope, axes) if weight is None else _floats(scope, "w", weight)]
    bias = scope.optional("bias")
    if bias is not None:
        inputs.append(_floats(scope, "b", bias))
    epsilon = number(scope.node, "eps", 1e-5)
    return scope.result(
        "LayerNormalization", [*scope.floats(), *inputs], axis=-axes, epsilon=epsilon
    )


def rms_norm(scope: Scope) -> Value:
    """What RMSNormalization is made of: that operator is younger than most runtimes, which find it
    in its parts.
    """
    axes = np.arange(-integer(scope.node, "axes", 1), 0)
    epsilon = scope.shared(np.array(number(scope.node, "eps", 1e-5), dtype=np.float32))
    (x,) = scope.floats()
    squares = scope.step("Pow", [x, scope.shared(np.array(2, dtype=np.float32))], "p")
    mean = scope.step("ReduceMean", [squares, scope.shared(axes)], "m", keepdims=1)
    root = scope.step("Sqrt", [scope.step("Add", [mean, epsilon], "a")], "r")
    weight = scope.optional("weight")
    if weight is None:
        return scope.result("Div", [x, root])
    return scope.result("Mul", [scope.step("Div", [x, root], "d"), _floats(scope, "w", weight)])


def group_norm(scope: Scope) -> Value:
    """InstanceNormalization of each group, then weight and bias of each channel."""
    groups, shape = integer(scope.node, "groups"), scope.input_shape()
    flat = scope.shared(np.array([0, groups, -1], dtype=np.int64))
    ends = [np.full(groups, fill, dtype=np.float32) for fill in (1.0, 0.0)]
    normed = scope.step(
        "InstanceNormalization",
        [scope.step("Reshape", [*scope.floats(), flat], "f"), *map(scope.shared, ends)],
        "n",
        epsilon=number(scope.node, "eps", 1e-5),
    )
    back = scope.shared(np.array([0, *shape[1:]], dtype=np.int64))
    found = scope.step("Reshape", [normed, back], "r")
    for role, operator, prefix in (("weight", "Mul", "w"), ("bias", "Add", "b")):
        numbers = scope.optional(role)
        if numbers is not None:
            wide = numbers.astype(np.float32).reshape(-1, *(1,) * (len(shape) - 2))
            found = scope.step(operator, [found, scope.constant(prefix, wide)], f"g{prefix}")
    return Value(found)


def matmul(scope: Scope) -> Value:
    """MatMul."""
    return scope.result("MatMul", scope.floats())


def quantize(scope: Scope) -> Value:
    """QuantizeLinear; its DequantizeLinear is written once, before the first who needs floats.

    Raises:
        CandidateError: Other than 8 bits, or a scale that is not positive.
    """
    bits = integer(scope.node, "bits", ACTIVATION_BITS)
    if bits != ACTIVATION_BITS:
        raise CandidateError(
            f"the activation {scope.node.name!r} must have {ACTIVATION_BITS} bits, got {bits}"
        )
    scale = scope.tensor("scale").astype(np.float32).reshape(())
    zero_point = scope.tensor("zero_point").astype(np.uint8).reshape(())
    if not (np.isfinite(scale) and scale > 0):
        raise CandidateError(f"the scale of {scope.node.name!r} must be positive, got {scale}")
    grid = Grid(
        scope.constant("s", scale), scope.constant("z", zero_point), float(scale), int(zero_point)
    )
    inputs = [*scope.floats(), grid.scale_name, grid.zero_point_name]
    output = scope.emitter.node("QuantizeLinear", inputs, scope.local("q"))
    return Value(output, grid)


def _ones(scope: Scope, axes: int) -> str:
    """Return a scale of ones, which LayerNormalization must have.

    It is computed where the file is loaded: that of a whole map may have more numbers than all
    layers together.
    """
    sides = np.array(scope.input_shape()[-axes:], dtype=np.int64)
    one = scope.shared(np.array(1, dtype=np.float32))
    return scope.step("Expand", [one, scope.shared(sides)], "w")


def _or_filled(scope: Scope, role: str, prefix: str, shape: tuple[int, ...], fill: float) -> str:
    found: npt.NDArray[np.float32] | None = scope.optional(role)
    if found is None:
        return scope.shared(np.full(shape, fill, dtype=np.float32))
    return _floats(scope, prefix, found)


def _floats(scope: Scope, prefix: str, numbers: npt.NDArray[Any]) -> str:
    return scope.constant(prefix, numbers.astype(np.float32))
