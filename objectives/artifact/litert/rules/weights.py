"""Rules of the operators with weights: signed codes, a scale for each output channel, and a bias of
32 bits whose scale is that of the products.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tightfit.graph import Node
from tightfit.objectives.artifact.attributes import integer, number, pair
from tightfit.objectives.artifact.bias_codes import bias_codes, reaching
from tightfit.objectives.artifact.litert.emitter import (
    HIGHEST_CODE,
    INTEGER_ONLY,
    NO_ACTIVATION,
    Scope,
    Value,
)
from tightfit.objectives.artifact.litert.flatfile import ChannelScales
from tightfit.objectives.artifact.litert.rules.windows import padded, sliding


@dataclass(frozen=True, slots=True)
class Weights:
    """Codes ``[O, ...]`` with a scale for each output channel ``[O]``, and a bias ``[O]``."""

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float64]


def conv(scope: Scope) -> Value:
    """CONV_2D, or DEPTHWISE_CONV_2D where every group has one channel."""
    x, weights = scope.value(), _weights(scope)
    groups, channels = integer(scope.node, "groups", 1), scope.input_shape()[1]
    stride, dilation = pair(scope.node, "stride", 1), pair(scope.node, "dilation", 1)
    depthwise = groups == channels and groups > 1
    if depthwise:
        weights = _widened(scope, weights)
    reach = tuple(
        step * (side - 1) + 1 for step, side in zip(dilation, weights.codes.shape[2:], strict=True)
    )
    tensor, word = padded(scope, (reach[0], reach[1]), stride)
    # [O, I/groups, h, w] becomes [O, h, w, I/groups], or [1, h, w, O] for a depthwise one.
    order, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
    operands = _operands(scope, weights, x.grid.scale, order=order, axis=axis)
    return scope.result(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [tensor, *operands],
        padding=word,
        strideH=stride[0],
        strideW=stride[1],
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        fusedActivationFunction=scope.fused_activation(),
        **({"depthMultiplier": len(weights.codes) // channels} if depthwise else {}),
    )


def _widened(scope: Scope, weights: Weights) -> Weights:
    """Return depthwise weights with zeros behind them where the format then pads as the layer does.

    Without them the layer would read a copy of its input that is padded, which takes far more
    memory than the zeros; of other convolutions they would take too much time.
    """
    if pair(scope.node, "dilation", 1) != (1, 1):
        return weights
    height, width = weights.codes.shape[2:]
    windows = sliding(scope, (height, width), pair(scope.node, "stride", 1))
    if not all(each.is_same_widened for each in windows):
        return weights
    grown = [(0, int(each.widening)) for each in windows]
    return replace(weights, codes=np.pad(weights.codes, [(0, 0), (0, 0), *grown]))


def linear(scope: Scope) -> Value:
    """FULLY_CONNECTED; columns that read a flattened picture are in the picture's order.

    Raises:
        CandidateError: Along the last axis of a picture.
    """
    x = scope.emitter.values[scope.node.inputs[0]]
    if len(scope.input_shape()) == 4:
        raise scope.refusal("works along the last axis of a picture", "use a 1x1 convolution")
    weights = _weights(scope)
    if x.mixed is not None:
        codes = weights.codes.reshape(-1, *x.mixed).transpose(0, 2, 3, 1)
        codes = codes.reshape(len(codes), -1)
        weights = Weights(codes, weights.scales, weights.bias)
    operands = _operands(scope, weights, x.grid.scale, order=(0, 1), axis=0)
    return scope.result(
        "FULLY_CONNECTED",
        [x.tensor, *operands],
        fusedActivationFunction=scope.fused_activation(),
        keepNumDims=len(scope.output_shape) > 2,
    )


def batch_norm(scope: Scope) -> Value:
    """DEPTHWISE_CONV_2D of one position: a gain is a weight, exact in its own scale.

    Raises:
        CandidateError: Of something other than a picture.
    """
    if len(scope.input_shape()) != 4:
        raise scope.refusal("norms something other than a picture", "put it behind a layer")
    mean, variance = scope.tensor("running_mean"), scope.tensor("running_var")
    gain = 1 / np.sqrt(variance.astype(np.float64) + number(scope.node, "eps", 1e-5))
    weight, shift = scope.optional("weight"), scope.optional("bias")
    if weight is not None:
        gain = gain * weight
    bias = (0 if shift is None else shift) - mean * gain
    codes = (np.where(gain < 0, -1, 1) * HIGHEST_CODE).astype(np.int8).reshape(-1, 1, 1, 1)
    scales = np.maximum(np.abs(gain) / HIGHEST_CODE, 1e-12).astype(np.float32)
    x = scope.value()
    weights = _representable(Weights(codes, scales, bias), x.grid.scale)
    operands = _operands(scope, weights, x.grid.scale, order=(1, 2, 3, 0), axis=3)
    return scope.result(
        "DEPTHWISE_CONV_2D",
        [x.tensor, *operands],
        padding="Padding.VALID",
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
        depthMultiplier=1,
        fusedActivationFunction=NO_ACTIVATION,
    )


def _weights(scope: Scope) -> Weights:
    """Return a layer's codes.

    Raises:
        CandidateError: Its weights are floats.
    """
    if not scope.node.integer("weight_bits"):
        raise scope.refusal("has float weights", INTEGER_ONLY)
    codes, scales = scope.tensor("weight"), scope.tensor("weight_scale")
    bias = scope.optional("bias")
    given = np.zeros(len(scales)) if bias is None else bias.astype(np.float64)
    found = Weights(codes, scales.astype(np.float32), given)
    return _representable(found, scope.emitter.values[scope.node.inputs[0]].grid.scale)


def _representable(weights: Weights, input_scale: float) -> Weights:
    """Return weights with scales so coarse that the bias reaches as far as it must."""
    codes, scales = reaching(weights.codes, weights.scales, weights.bias, input_scale)
    return Weights(codes, scales, weights.bias)


def _operands(
    scope: Scope, weights: Weights, input_scale: float, *, order: tuple[int, ...], axis: int
) -> list[int]:
    file, unit = scope.emitter.file, np.float32(input_scale)
    codes = np.ascontiguousarray(weights.codes.transpose(order))
    bias = bias_codes(weights.bias, weights.scales, input_scale)
    return [
        file.constant(codes, ChannelScales(weights.scales, axis), bits=_stored_bits(scope.node)),
        file.constant(bias, ChannelScales((weights.scales * unit).astype(np.float32), 0)),
    ]


def _stored_bits(node: Node) -> int:
    """Return the bits that a code takes in the file.

    The format has none of 2 bits that both runtimes read, and TensorFlow Lite Micro reads those of
    4 in convolutions alone.
    """
    return 4 if node.operator == "conv" and node.integer("weight_bits") < 8 else 8
