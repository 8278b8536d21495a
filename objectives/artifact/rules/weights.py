"""Emission rules of the operators with weights, in the three forms that weights take in a file.

float
    Float32 initializers.
weight-only
    Codes, packed when they have 4 or 2 bits, then ``Cast(FLOAT)`` and ``Mul(scale)``. A runtime
    folds both when it loads the file and computes with floats: the file is small and as fast as
    before.
integer
    Codes behind a DequantizeLinear, and an int32 bias whose scale is that of the products. A
    runtime turns the pattern into an integer kernel. Packed codes pass a ``Cast(INT8)``, which is
    folded: a DequantizeLinear on packed codes itself would be computed anew on every run.

A convolution takes the integer form only where its result is quantized too. Elsewhere no integer
kernel is found for it, and its DequantizeLinear would be computed on every run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from tightfit.errors import CandidateError
from tightfit.fusion import rounding_behind
from tightfit.graph import Node
from tightfit.objectives.artifact.attributes import integer, pair
from tightfit.objectives.artifact.bias_codes import bias_codes, reaching
from tightfit.objectives.artifact.emitter import AttributeValue, Grid, Scope, Value
from tightfit.objectives.artifact.packing import add_packed_initializer

PACKED_OPSET = {4: 21, 2: 25}
LARGEST_CODE = {8: 127, 4: 7, 2: 1}

Codes: TypeAlias = npt.NDArray[np.int8]
Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QuantizedWeights:
    """Signed codes with a scale for each output channel.

    Attributes:
        codes: As the operator takes them.
        scale: ``[O]``.
        axis: The output channels' axis in ``codes``.
        bits: 8, 4 or 2.
    """

    codes: Codes
    scale: Floats
    axis: int
    bits: int


def conv(scope: Scope) -> Value:
    """Conv."""
    x = scope.value()
    bits = weight_bits(scope.node)
    if bits and x.grid is not None and _result_is_quantized(scope):
        weights = _representable(_quantized(scope, axis=0), scope.optional("bias"), x.grid)
        weight, scale = _integer_weight(scope, weights)
        operands = [weight, *_integer_bias(scope, weights, x.grid, scale)]
    else:
        operands = [_float_weight(scope, axis=0), *_float_bias(scope)]
    return scope.result("Conv", [*scope.floats(), *operands], **_conv_attributes(scope.node))


def conv_transpose(scope: Scope) -> Value:
    """ConvTranspose, for which no integer kernel exists."""
    attributes = _conv_attributes(scope.node)
    extra = pair(scope.node, "output_padding", 0)
    if any(extra):
        attributes["output_padding"] = extra
    operands = [_float_weight(scope, axis=1), *_float_bias(scope)]
    return scope.result("ConvTranspose", [*scope.floats(), *operands], **attributes)


def linear(scope: Scope) -> Value:
    """Gemm on ``[N, I]``; on more axes MatMul with the transposed weights, and Add."""
    if len(scope.input_shape()) != 2:
        return _linear_on_last_axis(scope)
    x = scope.value()
    if weight_bits(scope.node) and x.grid is not None:
        weights = _representable(_quantized(scope, axis=0), scope.optional("bias"), x.grid)
        weight, scale = _integer_weight(scope, weights, zero_point=True)
        operands = [weight, *_integer_bias(scope, weights, x.grid, scale)]
    else:
        operands = [_float_weight(scope, axis=0), *_float_bias(scope)]
    return scope.result("Gemm", [*scope.floats(), *operands], transB=1)


def weight_bits(node: Node) -> int:
    """Return 8, 4 or 2, or 0 when the weights are floats.

    Raises:
        CandidateError: Another number of bits.
    """
    bits = node.attributes.get("weight_bits", 0)
    if bits in (None, 0, 32):
        return 0
    if bits not in LARGEST_CODE:
        raise CandidateError(f"'weight_bits' of {node.name!r} must be 8, 4 or 2, got {bits!r}")
    return int(bits)


def _linear_on_last_axis(scope: Scope) -> Value:
    if weight_bits(scope.node) and scope.value().grid is not None:
        weights = _transposed(_quantized(scope, axis=0))
        weight, _ = _integer_weight(scope, weights, zero_point=True)
    else:
        weight = _float_weight(scope, axis=0, transpose=True)
    bias = _float_bias(scope)
    if not bias:
        return scope.result("MatMul", [*scope.floats(), weight])
    return scope.result("Add", [scope.step("MatMul", [*scope.floats(), weight], "m"), *bias])


def _conv_attributes(node: Node) -> dict[str, AttributeValue]:
    """Return what differs from ONNX's defaults; the kernel's shape follows from the weights."""
    attributes: dict[str, AttributeValue] = {}
    padding = pair(node, "padding", 0)
    if any(padding):
        attributes["pads"] = (*padding, *padding)
    for key, ours in (("strides", "stride"), ("dilations", "dilation")):
        size = pair(node, ours, 1)
        if size != (1, 1):
            attributes[key] = size
    groups = integer(node, "groups", 1)
    if groups != 1:
        attributes["group"] = groups
    return attributes


def _quantized(scope: Scope, *, axis: int) -> QuantizedWeights:
    """Return the layer's codes and scales.

    Raises:
        CandidateError: Codes that are not int8 or do not fit their bits, scales of another number.
    """
    codes, scale = scope.tensor("weight"), scope.tensor("weight_scale").astype(np.float32)
    bits, name = weight_bits(scope.node), scope.node.name
    if codes.dtype != np.int8:
        raise CandidateError(f"the weights of {name!r} must be int8 codes, got {codes.dtype}")
    largest = int(np.abs(codes.astype(np.int16)).max(initial=0))
    if largest > LARGEST_CODE[bits]:
        raise CandidateError(
            f"the codes of {name!r} must lie in -{LARGEST_CODE[bits]}..{LARGEST_CODE[bits]} "
            f"({bits} bits), got {largest}"
        )
    channels = codes.shape[axis] * (integer(scope.node, "groups", 1) if axis == 1 else 1)
    if scale.shape != (channels,):
        raise CandidateError(
            f"{name!r} needs a weight scale for each of its {channels} output channels, "
            f"got the shape {list(scale.shape)}"
        )
    return QuantizedWeights(codes, scale, axis, bits)


def _transposed(weights: QuantizedWeights) -> QuantizedWeights:
    codes = np.ascontiguousarray(weights.codes.T)
    return QuantizedWeights(codes, weights.scale, 1 - weights.axis, weights.bits)


def _codes(scope: Scope, weights: QuantizedWeights) -> str:
    if weights.bits in PACKED_OPSET:
        scope.emitter.require(PACKED_OPSET[weights.bits])
        return add_packed_initializer(
            scope.emitter.initializers, scope.local("w"), weights.codes, bits=weights.bits
        )
    return scope.constant("w", weights.codes)


def _float_weight(scope: Scope, *, axis: int, transpose: bool = False) -> str:
    """Return a float32 weight's name: an initializer, or what a runtime folds to one."""
    if not weight_bits(scope.node):
        weight = scope.tensor("weight").astype(np.float32, copy=False)
        return scope.constant("w", weight.T if transpose else weight)
    weights = _quantized(scope, axis=axis)
    if transpose:
        weights = _transposed(weights)
    floats = scope.step("Cast", [_codes(scope, weights)], "f", to=TensorProto.FLOAT)
    scale = scope.constant("s", _broadcastable_scale(weights, integer(scope.node, "groups", 1)))
    return scope.step("Mul", [floats, scale], "v")


def _broadcastable_scale(weights: QuantizedWeights, groups: int) -> Floats:
    """Return the scales in the shape that multiplies the codes.

    A grouped ConvTranspose has codes ``[I, O/groups, ...]``: its rows belong to groups in turn.
    """
    if weights.axis == 1 and groups > 1:
        rows = weights.codes.shape[0] // groups
        by_row = np.repeat(weights.scale.reshape(groups, -1), rows, axis=0)
        return by_row.reshape(*by_row.shape, *(1,) * (weights.codes.ndim - 2))
    behind = weights.codes.ndim - weights.axis - 1
    return weights.scale.reshape(-1, *(1,) * behind)


def _float_bias(scope: Scope) -> list[str]:
    bias = scope.optional("bias")
    return [] if bias is None else [scope.constant("b", bias.astype(np.float32, copy=False))]


def _integer_weight(
    scope: Scope, weights: QuantizedWeights, *, zero_point: bool = False
) -> tuple[str, str]:
    """Return the names of weights behind their DequantizeLinear, and of their scales.

    The zero points, all zero, are written where a runtime's pattern asks for them: onnxruntime
    finds its integer Gemm with a float result only where they stand in the file.
    """
    codes = _codes(scope, weights)
    if weights.bits in PACKED_OPSET:
        codes = scope.step("Cast", [codes], "i", to=TensorProto.INT8)
    scale = scope.constant("s", weights.scale)
    inputs = [codes, scale]
    if zero_point:
        inputs.append(scope.shared(np.zeros(weights.scale.shape, dtype=np.int8)))
    return scope.step("DequantizeLinear", inputs, "v", axis=weights.axis), scale


def _integer_bias(scope: Scope, weights: QuantizedWeights, grid: Grid, scale: str) -> list[str]:
    """Return the int32 bias behind its DequantizeLinear; ``scale`` names that of the weights.

    Its own is that of the products, input's times weights'. The product is left to the runtime,
    which folds it: a node instead of a number for each channel.
    """
    bias = scope.optional("bias")
    if bias is None:
        return []
    codes = scope.constant("b", bias_codes(bias, weights.scale, grid.scale))
    products = scope.step("Mul", [grid.scale_name, scale], "k")
    return [scope.step("DequantizeLinear", [codes, products], "j", axis=0)]


def _representable(
    weights: QuantizedWeights, bias: npt.NDArray[Any] | None, grid: Grid
) -> QuantizedWeights:
    """Return weights with scales so coarse that an int32 bias reaches as far as it must."""
    if bias is None:
        return weights
    codes, scale = reaching(weights.codes, weights.scale, bias, grid.scale)
    return QuantizedWeights(codes, scale, weights.axis, weights.bits)


def _result_is_quantized(scope: Scope) -> bool:
    """Whether a convolution's result goes to one ``quantize`` alone, or through a fused activation.

    A relu or clip in between vanishes where the grid holds nothing outside its range.
    """
    emitter = scope.emitter
    rounding = rounding_behind(scope.node.name, emitter.program.graph, emitter.consumers)
    if rounding is None:
        return False
    scale, zero_point = (
        np.asarray(emitter.program.tensors[rounding.quantize.parameters[role]])
        for role in ("scale", "zero_point")
    )
    return rounding.vanishes(float(scale), int(zero_point))
