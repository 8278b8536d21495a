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
    """

    version: int
    options: str | None
    resolver: str


KINDS: Mapping[str, Kind] = {
    "ADD": Kind(2, "AddOptions", "AddAdd"),
    "AVERAGE_POOL_2D": Kind(2, "Pool2DOptions", "AddAveragePool2D"),
    "CONCATENATION": Kind(2, "ConcatenationOptions", "AddConcatenation"),
    "CONV_2D": Kind(3, "Conv2DOptions", "AddConv2D"),
    "DEPTHWISE_CONV_2D": Kind(3, "DepthwiseConv2DOptions", "AddDepthwiseConv2D"),
    "FULLY_CONNECTED": Kind(4, "FullyConnectedOptions", "AddFullyConnected"),
    "GATHER": Kind(2, "GatherOptions", "AddGather"),
    "HARD_SWISH": Kind(1, None, "AddHardSwish"),
    "LEAKY_RELU": Kind(2, "LeakyReluOptions", "AddLeakyRelu"),
    "LOGISTIC": Kind(2, None, "AddLogistic"),
    "MAX_POOL_2D": Kind(2, "Pool2DOptions", "AddMaxPool2D"),
    "MEAN": Kind(2, "ReducerOptions", "AddMean"),
    "MUL": Kind(2, "MulOptions", "AddMul"),
    "PAD": Kind(2, "PadOptions", "AddPad"),
    "PADV2": Kind(2, "PadV2Options", "AddPadV2"),
    "QUANTIZE": Kind(2, "QuantizeOptions", "AddQuantize"),
    "RELU": Kind(2, None, "AddRelu"),
    "RESHAPE": Kind(1, "ReshapeOptions", "AddReshape"),
    "RESIZE_BILINEAR": Kind(3, "ResizeBilinearOptions", "AddResizeBilinear"),
    "RESIZE_NEAREST_NEIGHBOR": Kind(2, "ResizeNearestNeighborOptions", "AddResizeNearestNeighbor"),
    "SOFTMAX": Kind(2, "SoftmaxOptions", "AddSoftmax"),
    "STRIDED_SLICE": Kind(2, "StridedSliceOptions", "AddStridedSlice"),
    "SUB": Kind(2, "SubOptions", "AddSub"),
    "TANH": Kind(2, None, "AddTanh"),
    "TRANSPOSE": Kind(2, "TransposeOptions", "AddTranspose"),
}
"""By the name that the format gives them."""
