"""Numbers as ONNX stores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, TensorProto

_DATA_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
}


def add_initializer(graph: GraphProto, name: str, array: npt.NDArray[Any]) -> str:
    """Add an array of float32, int64, int32, int8 or uint8 and return its name."""
    return _add(graph, name, array.shape, _DATA_TYPES[array.dtype], array.tobytes())


def add_int4_initializer(graph: GraphProto, name: str, codes: npt.NDArray[np.int8]) -> str:
    """Add codes in -8..7 as INT4, two in a byte, and return the name."""
    return _add(graph, name, codes.shape, TensorProto.INT4, pack_nibbles(codes))


def pack_nibbles(codes: npt.NDArray[np.int8]) -> bytes:
    """Pack codes in -8..7 in two's complement, the earlier one in the low half of a byte."""
    nibbles = codes.reshape(-1).view(np.uint8) & 0x0F
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return (nibbles[0::2] | (nibbles[1::2] << 4)).tobytes()


def _add(graph: GraphProto, name: str, shape: Sequence[int], data_type: int, content: bytes) -> str:
    # Made in its place: a tensor that is made elsewhere is copied when it is added.
    tensor = graph.initializer.add()
    tensor.name = name
    tensor.data_type = data_type
    tensor.dims.extend(shape)
    tensor.raw_data = content
    return name
