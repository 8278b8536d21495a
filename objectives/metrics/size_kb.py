"""Bytes of the file.

The final reading counts the file that was written. What stands here predicts it from the blueprint,
by what the emission rules of :mod:`tightfit.objectives.artifact.rules` write: packed weights,
scales, biases, and the bytes of every node and initializer around them. What a blueprint does not
tell is left: attributes of single nodes, and the metadata beyond a usual amount. Where the file is
one of LiteRT, :mod:`tightfit.objectives.metrics.litert_bytes` says what is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tightfit.blueprint import FLOAT_BITS, Blueprint, Operation
from tightfit.graph import WEIGHT_OPERATORS
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.artifact.litert.lowering import has_form
from tightfit.objectives.artifact.wire import attribute_bytes, node_bytes, tensor_bytes
from tightfit.objectives.metrics import litert_bytes
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import Totals
from tightfit.objectives.metrics.storage import (
    FLOAT_BYTES,
    computes_with_integers,
    packed_bytes,
    quantized,
)
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray, IntArray

SIZE_ERROR = 0.02
SIZE_ERROR_KB = 2.0
"""The file lies within this share or these kilobytes of the prediction, whichever is more."""

METRIC = Metric(
    name="size_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.COUNTED,
    summary="bytes of the exported file (1 kB = 1,000 bytes)",
)

FUSED_ACTIVATION = 15
"""Usual bytes of an operation that writes under another's name. It is that of a folded norm, which
leaves nothing in the file, or of an activation, which leaves a node of 18 to 28 bytes; a blueprint
does not say which."""

LITERT_SUFFIX = ".tflite"

HEADER = 60
METADATA = 300
VALUE_INFO = 50

_CAST = node_bytes("Cast", 1, attributes=attribute_bytes("to"))
_MUL = node_bytes("Mul", 2)
_DEQUANTIZE_AXIS = node_bytes("DequantizeLinear", 2, attributes=attribute_bytes("axis"))
_PADS = attribute_bytes("pads", 4)
_GROUP = attribute_bytes("group")
_SCALAR = int(tensor_bytes((), np.asarray(FLOAT_BYTES)))
_QUANTIZATION = (
    node_bytes("QuantizeLinear", 3)
    + node_bytes("DequantizeLinear", 3)
    + _SCALAR
    + int(tensor_bytes((), np.asarray(1)))
)
_POOLING = attribute_bytes("kernel_shape", 2) + attribute_bytes("strides", 2)

_MAIN = {"conv": "Conv", "conv_transpose": "ConvTranspose", "linear": "Gemm"}

_MOVES = frozenset({"max_pool", "flatten", "reshape", "permute", "slice", "dropout"})
"""Operators whose result is on the grid of their input and needs no quantization of its own."""

_NODES: Mapping[str, int] = {
    "batch_norm": node_bytes("BatchNormalization", 5) + attribute_bytes("epsilon") + 4 * _SCALAR,
    "layer_norm": node_bytes("LayerNormalization", 3) + attribute_bytes("epsilon") + 2 * _SCALAR,
    "rms_norm": node_bytes("Pow", 2)
    + node_bytes("ReduceMean", 2, attributes=attribute_bytes("keepdims"))
    + node_bytes("Add", 2)
    + node_bytes("Sqrt", 1)
    + node_bytes("Div", 2)
    + _MUL,
    "relu": node_bytes("Relu", 1),
    "hardswish": node_bytes("HardSwish", 1),
    "hardsigmoid": node_bytes("HardSigmoid", 1, attributes=2 * attribute_bytes("alpha", 2)),
    "sigmoid": node_bytes("Sigmoid", 1),
    "silu": node_bytes("Sigmoid", 1) + _MUL,
    "tanh": node_bytes("Tanh", 1),
    "gelu": node_bytes("Gelu", 1),
    "clip": node_bytes("Clip", 3),
    "leaky_relu": node_bytes("LeakyRelu", 1, attributes=attribute_bytes("alpha", 2)),
    "elu": node_bytes("Elu", 1, attributes=attribute_bytes("alpha", 2)),
    "selu": node_bytes("Selu", 1),
    "mish": node_bytes("Softplus", 1) + node_bytes("Tanh", 1) + _MUL,
    "softplus": node_bytes("Softplus", 1),
    "prelu": node_bytes("PRelu", 2) + _SCALAR,
    "abs": node_bytes("Abs", 1),
    "rsqrt": node_bytes("Sqrt", 1) + node_bytes("Reciprocal", 1),
    "maximum": node_bytes("Max", 2),
    "minimum": node_bytes("Min", 2),
    "add": node_bytes("Add", 2),
    "sub": node_bytes("Sub", 2),
    "mul": _MUL,
    "div": node_bytes("Div", 2),
    "matmul": node_bytes("MatMul", 2),
    "softmax": node_bytes("Softmax", 1, attributes=attribute_bytes("axis")),
    "cat": node_bytes("Concat", 2, attributes=attribute_bytes("axis")),
    "max_pool": node_bytes("MaxPool", 1, attributes=_POOLING + _PADS),
    "avg_pool": node_bytes("AveragePool", 1, attributes=_POOLING),
    "adaptive_avg_pool": node_bytes("GlobalAveragePool", 1),
    "mean": node_bytes("ReduceMean", 2, attributes=attribute_bytes("keepdims")),
    "flatten": node_bytes("Reshape", 2),
    "reshape": node_bytes("Reshape", 2) + _SCALAR,
    "permute": node_bytes("Transpose", 1, attributes=attribute_bytes("perm", 4)),
    "slice": node_bytes("Slice", 4),
    "upsample": node_bytes("Resize", 3) + 4 * _SCALAR,
    "group_norm": 2 * node_bytes("Reshape", 2)
    + node_bytes("InstanceNormalization", 3, attributes=attribute_bytes("epsilon"))
    + _MUL
    + node_bytes("Add", 2)
    + 6 * _SCALAR,
    "pow": node_bytes("Pow", 2),
    "exp": node_bytes("Exp", 1),
    "sqrt": node_bytes("Sqrt", 1),
    "neg": node_bytes("Neg", 1),
    "sum": node_bytes("ReduceSum", 2, attributes=attribute_bytes("keepdims")),
    "norm": node_bytes("ReduceL2", 2, attributes=attribute_bytes("keepdims")),
    "attention": 2 * node_bytes("MatMul", 2)
    + _MUL
    + node_bytes("Transpose", 1, attributes=attribute_bytes("perm", 4))
    + node_bytes("Softmax", 1, attributes=attribute_bytes("axis")),
    "parameter": _SCALAR,
    "gather": node_bytes("Gather", 2, attributes=attribute_bytes("axis")),
    "expand": node_bytes("Shape", 1, attributes=2 * attribute_bytes("start"))
    + node_bytes("Concat", 2, attributes=attribute_bytes("axis"))
    + node_bytes("Expand", 2)
    + _SCALAR,
    "roll": 2 * node_bytes("Concat", 2, attributes=attribute_bytes("axis"))
    + 4 * node_bytes("Slice", 4),
    "pad": node_bytes("Pad", 3) + 4 * _SCALAR,
    "aten": node_bytes("Where", 3),
    "dropout": 0,
    "quantize": 0,
}
"""Bytes of operators without weights; a quantization is counted where its result is stored. What
torch makes of recorded calls shows when it is made; one node is the least, and no candidate is
screened out for bytes that it may not have.
"""


_COPIES: Mapping[str, int] = {
    "batch_norm": 2,
    "layer_norm": 1,
    "rms_norm": 1,
    "group_norm": 1,
    "prelu": 1,
    "parameter": 1,
    "aten": 1,
}
"""How often the file has the trained numbers of an operator; a running mean is one more."""


def _parts(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[IntArray]:
    """Give the bytes of the frame of the file, then those of each operation, ``[n]`` each."""
    if profile.file == LITERT_SUFFIX and has_form(blueprint):
        return litert_bytes.parts(blueprint)
    return _onnx_parts(blueprint)


def _onnx_parts(blueprint: Blueprint) -> Iterator[IntArray]:
    frame = HEADER + METADATA + VALUE_INFO * (len(blueprint.inputs) + len(blueprint.outputs))
    first, *others = (quantized(blueprint.activations[name]) for name in blueprint.inputs)
    yield frame + _QUANTIZATION * sum((1 * each for each in others), start=1 * first)
    for operation in blueprint.operations:
        yield _operation(operation, blueprint)


BYTES = Quantity(_parts)


def formula(totals: Totals, _profile: DeviceProfile) -> FloatArray:
    """Return the predicted kilobytes of a batch, ``[n]``."""
    return totals[BYTES] / 1000


def _operation(operation: Operation, blueprint: Blueprint) -> IntArray:
    """Return the bytes that an operation needs in the file, ``[n]``."""
    if operation.operator in WEIGHT_OPERATORS:
        total = np.where(operation.present, _layer(operation, blueprint), 0)
    else:
        total = (_NODES[operation.operator] + _norm(operation)) * operation.present
        total = total + operation.constant_bytes
    if not operation.name.startswith(operation.output):
        total = total + FUSED_ACTIVATION * operation.present
    if operation.operator not in _MOVES:
        rounded = quantized(blueprint.activations[operation.output]) & operation.present
        total = total + _QUANTIZATION * rounded
    return total


def _layer(operation: Operation, blueprint: Blueprint) -> IntArray:
    """Return the bytes of an operation with weights, ``[n]``."""
    integer = computes_with_integers(operation, blueprint)
    coded = operation.bits < FLOAT_BITS
    unpacked = coded & ((operation.bits < 8) | ~integer)
    total = _numbers(operation, packed_bytes(operation).astype(np.int64))
    total = total + np.where(coded, _per_channel(operation, FLOAT_BYTES), 0)
    total = total + _CAST * unpacked + np.where(integer, _DEQUANTIZE_AXIS, _MUL * coded)
    if operation.bias:
        total = total + _per_channel(operation, FLOAT_BYTES)
        total = total + integer * (_MUL + _DEQUANTIZE_AXIS)
    if operation.operator == "linear":
        return total + integer * _per_channel(operation, 1) + _main(operation)
    return total + _GROUP * (operation.groups > 1) + _main(operation)


def _norm(operation: Operation) -> IntArray:
    """Return the bytes of the numbers of a norm that stayed one, ``[n]``.

    A batch norm has its running mean and variance beside its trained weight and bias.
    """
    copies = _COPIES.get(operation.operator, 0)
    return copies * FLOAT_BYTES * operation.trained_extras


def _main(operation: Operation) -> int:
    pads = _PADS if max(operation.kernel) > 1 else 0
    inputs = 3 if operation.bias else 2
    return node_bytes(_MAIN[operation.operator], inputs, attributes=pads, name=operation.name)


def _numbers(operation: Operation, payload: IntArray) -> IntArray:
    inner = operation.in_channels // np.maximum(operation.groups, 1)
    spatial = () if operation.operator == "linear" else operation.kernel
    return tensor_bytes((operation.out_channels, inner, *spatial), payload)


def _per_channel(operation: Operation, width: int) -> IntArray:
    return tensor_bytes((operation.out_channels,), operation.out_channels * width)
