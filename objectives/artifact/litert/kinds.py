"""The integer operators of the format that rules write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One operator.

    Attributes:
        version: The first that takes signed codes of 8 bits in the way rules write it.
        options: The table with its attributes; none where it has no attributes.
        resolver: The method of TensorFlow Lite Micro's resolver that adds it.
        state: Bytes that its kernel keeps in an arena where pointers have 64 bits, for itself and
            for the attributes, as tflite-micro 0.dev20261023182759 tells.
    """

    version: int
    options: str | None
    resolver: str
    state: int


KINDS: Mapping[str, Kind] = {
    "ADD": Kind(2, "AddOptions", "AddAdd", 71),
    "AVERAGE_POOL_2D": Kind(2, "Pool2DOptions", "AddAveragePool2D", 77),
    "CONCATENATION": Kind(2, "ConcatenationOptions", "AddConcatenation", 87),
    "CONV_2D": Kind(3, "Conv2DOptions", "AddConv2D", 108),
    "DEPTHWISE_CONV_2D": Kind(3, "DepthwiseConv2DOptions", "AddDepthwiseConv2D", 108),
    "FULLY_CONNECTED": Kind(4, "FullyConnectedOptions", "AddFullyConnected", 115),
    "GATHER": Kind(2, "GatherOptions", "AddGather", 8),
    "HARD_SWISH": Kind(1, None, "AddHardSwish", 30),
    "LEAKY_RELU": Kind(2, "LeakyReluOptions", "AddLeakyRelu", 46),
    "LOGISTIC": Kind(2, None, "AddLogistic", 10),
    "MAX_POOL_2D": Kind(2, "Pool2DOptions", "AddMaxPool2D", 77),
    "MEAN": Kind(2, "ReducerOptions", "AddMean", 69),
    "MUL": Kind(2, "MulOptions", "AddMul", 58),
    "PAD": Kind(2, "PadOptions", "AddPad", 66),
    "PADV2": Kind(2, "PadV2Options", "AddPadV2", 60),
    "QUANTIZE": Kind(2, "QuantizeOptions", "AddQuantize", 33),
    "RELU": Kind(2, None, "AddRelu", 34),
    "RESHAPE": Kind(1, "ReshapeOptions", "AddReshape", 29),
    "RESIZE_BILINEAR": Kind(3, "ResizeBilinearOptions", "AddResizeBilinear", 6),
    "RESIZE_NEAREST_NEIGHBOR": Kind(
        2, "ResizeNearestNeighborOptions", "AddResizeNearestNeighbor", 6
    ),
    "SOFTMAX": Kind(2, "SoftmaxOptions", "AddSoftmax", 94),
    "STRIDED_SLICE": Kind(2, "StridedSliceOptions", "AddStridedSlice", 118),
    "SUB": Kind(2, "SubOptions", "AddSub", 76),
    "TANH": Kind(2, None, "AddTanh", 14),
    "TRANSPOSE": Kind(2, "TransposeOptions", "AddTranspose", 4),
}
"""By the name that the format gives them."""
