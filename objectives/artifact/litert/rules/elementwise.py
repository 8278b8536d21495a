"""Rules of operators that work on each number, or pair of numbers, by itself."""

from __future__ import annotations

from tightfit.objectives.artifact.attributes import integer, number
from tightfit.objectives.artifact.litert.emitter import (
    NO_ACTIVATION,
    Scope,
    Value,
    activation_range,
    channels_last,
    file_axis,
    spans,
)
from tightfit.objectives.artifact.litert.flatfile import Grid


def relu(scope: Scope) -> Value:
    """RELU."""
    return scope.result("RELU", [scope.value().tensor])


def clip(scope: Scope) -> Value:
    """A change of the grid, to one that ends where the limits are: rounding cuts off there.

    Not RELU6: TensorFlow Lite Micro's keeps the grid.

    Raises:
        CandidateError: Limits inside of the grid.
    """
    limits = activation_range(scope.node)
    if not spans(limits, scope.grid):
        raise scope.refusal(f"cuts off at {limits}", "use ReLU or ReLU6")
    return scope.result("QUANTIZE", [scope.value().tensor])


def hardswish(scope: Scope) -> Value:
    """HARD_SWISH."""
    return scope.result("HARD_SWISH", [scope.value().tensor])


def hardsigmoid(scope: Scope) -> Value:
    """``relu6(x + 3) / 6``: an ADD onto a grid of six times the step, whose codes are the result's,
    and a MUL that says so.
    """
    grid = Grid(6 * scope.grid.scale, scope.grid.zero_point)
    moved = scope.step(
        "ADD",
        [scope.value().tensor, scope.real(3.0)],
        shape=channels_last(scope.output_shape),
        grid=grid,
        fusedActivationFunction="ActivationFunctionType.RELU6",
    )
    return scope.result("MUL", [moved, scope.real(1 / 6)], fusedActivationFunction=NO_ACTIVATION)


def sigmoid(scope: Scope) -> Value:
    """LOGISTIC."""
    return scope.result("LOGISTIC", [scope.value().tensor])


def silu(scope: Scope) -> Value:
    """``x * sigmoid(x)``: LOGISTIC on the only grid that it has, and MUL."""
    x = scope.value().tensor
    shape = channels_last(scope.output_shape)
    gate = scope.step("LOGISTIC", [x], shape=shape, grid=Grid(1 / 256, -128))
    return scope.result("MUL", [x, gate], fusedActivationFunction=NO_ACTIVATION)


def tanh(scope: Scope) -> Value:
    """TANH."""
    return scope.result("TANH", [scope.value().tensor])


def leaky_relu(scope: Scope) -> Value:
    """LEAKY_RELU."""
    slope = number(scope.node, "slope", 0.01)
    return scope.result("LEAKY_RELU", [scope.value().tensor], alpha=slope)


def softmax(scope: Scope) -> Value:
    """SOFTMAX, which is along the last axis.

    Raises:
        CandidateError: Another axis.
    """
    rank = len(scope.output_shape)
    if file_axis(integer(scope.node, "axis", -1), rank) != rank - 1:
        raise scope.refusal("is along an axis other than the channels", "take it out of the model")
    return scope.result("SOFTMAX", [scope.value().tensor], beta=1.0)


def add(scope: Scope) -> Value:
    """ADD."""
    return _binary(scope, "ADD")


def sub(scope: Scope) -> Value:
    """SUB; a number is subtracted by adding its opposite."""
    if len(scope.node.inputs) == 1:
        return _with_number(scope, "ADD", -number(scope.node, "scalar"))
    return _binary(scope, "SUB")


def mul(scope: Scope) -> Value:
    """MUL."""
    return _binary(scope, "MUL")


def div(scope: Scope) -> Value:
    """MUL by the reciprocal of a number.

    Raises:
        CandidateError: A quotient of two activations.
    """
    if len(scope.node.inputs) == 1:
        return _with_number(scope, "MUL", 1 / number(scope.node, "scalar"))
    raise scope.refusal("divides activations", "multiply instead")


def _binary(scope: Scope, kind: str) -> Value:
    if len(scope.node.inputs) == 1:
        return _with_number(scope, kind, number(scope.node, "scalar"))
    if len(scope.input_shape(0)) != len(scope.input_shape(1)):
        raise scope.refusal("joins operands of different ranks", "give both the same axes")
    operands = [scope.value(0).tensor, scope.value(1).tensor]
    return scope.result(kind, operands, fusedActivationFunction=scope.fused_activation())


def _with_number(scope: Scope, kind: str, value: float) -> Value:
    operands = [scope.value().tensor, scope.real(value)]
    return scope.result(kind, operands, fusedActivationFunction=scope.fused_activation())
