"""Emission rules of operators that work on each number, or pair of numbers, by itself."""

from __future__ import annotations

import math

import numpy as np

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.attributes import integer, number, text
from tightfit.objectives.artifact.emitter import Scope, Value

GELU_OPSET = 20


def relu(scope: Scope) -> Value:
    """Relu."""
    return scope.result("Relu", scope.floats())


def hardswish(scope: Scope) -> Value:
    """HardSwish: ``x * relu6(x + 3) / 6``."""
    return scope.result("HardSwish", scope.floats())


def hardsigmoid(scope: Scope) -> Value:
    """HardSigmoid with torch's slope of 1/6; ONNX's default is 0.2."""
    return scope.result("HardSigmoid", scope.floats(), alpha=1.0 / 6.0, beta=0.5)


def sigmoid(scope: Scope) -> Value:
    """Sigmoid."""
    return scope.result("Sigmoid", scope.floats())


def silu(scope: Scope) -> Value:
    """``x * sigmoid(x)``, which ONNX has no operator for."""
    (x,) = scope.floats()
    return scope.result("Mul", [x, scope.step("Sigmoid", [x], "g")])


def tanh(scope: Scope) -> Value:
    """Tanh."""
    return scope.result("Tanh", scope.floats())


def gelu(scope: Scope) -> Value:
    """Gelu."""
    scope.emitter.require(GELU_OPSET)
    approximate = text(scope.node, "approximate", "none")
    if approximate == "none":
        return scope.result("Gelu", scope.floats())
    return scope.result("Gelu", scope.floats(), approximate=approximate)


def clip(scope: Scope) -> Value:
    """Clip; a side that is infinite is left out."""
    low = number(scope.node, "low", -math.inf)
    high = number(scope.node, "high", math.inf)
    bounds = [_scalar(scope, low) if math.isfinite(low) else ""]
    if math.isfinite(high):
        bounds.append(_scalar(scope, high))
    return scope.result("Clip", [*scope.floats(), *bounds])


def leaky_relu(scope: Scope) -> Value:
    """LeakyRelu."""
    return scope.result("LeakyRelu", scope.floats(), alpha=number(scope.node, "slope", 0.01))


def elu(scope: Scope) -> Value:
    """Elu."""
    return scope.result("Elu", scope.floats(), alpha=number(scope.node, "alpha", 1.0))


def selu(scope: Scope) -> Value:
    """Selu, whose factors are torch's."""
    return scope.result("Selu", scope.floats())


def mish(scope: Scope) -> Value:
    """``x * tanh(softplus(x))``: runtimes know Softplus longer than Mish."""
    (x,) = scope.floats()
    gate = scope.step("Tanh", [scope.step("Softplus", [x], "s")], "g")
    return scope.result("Mul", [x, gate])


def softplus(scope: Scope) -> Value:
    """Softplus."""
    return scope.result("Softplus", scope.floats())


def prelu(scope: Scope) -> Value:
    """PRelu, whose slopes lie along the channels."""
    slopes = scope.tensor("weight").astype(np.float32)
    behind = (1,) * (len(scope.input_shape()) - 2)
    return scope.result(
        "PRelu", [*scope.floats(), scope.constant("w", slopes.reshape(-1, *behind))]
    )


def absolute(scope: Scope) -> Value:
    """Abs."""
    return scope.result("Abs", scope.floats())


def rsqrt(scope: Scope) -> Value:
    """``1 / sqrt(x)``."""
    return scope.result("Reciprocal", [scope.step("Sqrt", scope.floats(), "r")])


def maximum(scope: Scope) -> Value:
    """Max."""
    return scope.result("Max", scope.floats())


def minimum(scope: Scope) -> Value:
    """Min."""
    return scope.result("Min", scope.floats())


def add(scope: Scope) -> Value:
    """Add."""
    return scope.result("Add", _operands(scope))


def sub(scope: Scope) -> Value:
    """Sub."""
    return scope.result("Sub", _operands(scope))


def mul(scope: Scope) -> Value:
    """Mul."""
    return scope.result("Mul", _operands(scope))


def div(scope: Scope) -> Value:
    """Div."""
    return scope.result("Div", _operands(scope))


def power(scope: Scope) -> Value:
    """Pow."""
    return scope.result("Pow", _operands(scope))


def exp(scope: Scope) -> Value:
    """Exp."""
    return scope.result("Exp", scope.floats())


def sqrt(scope: Scope) -> Value:
    """Sqrt."""
    return scope.result("Sqrt", scope.floats())


def neg(scope: Scope) -> Value:
    """Neg."""
    return scope.result("Neg", scope.floats())


def softmax(scope: Scope) -> Value:
    """Softmax."""
    return scope.result("Softmax", scope.floats(), axis=integer(scope.node, "axis", -1))


def dropout(scope: Scope) -> Value:
    """Nothing: dropout is for training."""
    return scope.value()


def _operands(scope: Scope) -> list[str]:
    """Return two operands; the scalar stands behind a single input."""
    floats = scope.floats()
    if len(floats) == 2:
        return floats
    if len(floats) != 1:
        raise CandidateError(
            f"{scope.node.name!r} ({scope.node.operator}) takes one or two inputs, "
            f"got {len(floats)}"
        )
    return [*floats, _scalar(scope, number(scope.node, "scalar"))]


def _scalar(scope: Scope, value: float) -> str:
    return scope.shared(np.array(value, dtype=np.float32))
