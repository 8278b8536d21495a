"""Numbers as ONNX stores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

_DATA_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
}


def initializer(name: str, array: npt.NDArray[Any]) -> TensorProto:
    """Return an array of float32, int64, int32, int8 or uint8 as a named tensor."""
    tensor = _header(name, array.shape, _DATA_TYPES[array.dtype])
    tensor.raw_data = array.tobytes()
    return tensor


def int4_initializer(name: str, codes: npt.NDArray[np.int8]) -> TensorProto:
    """Return codes in -8..7 as a named INT4 tensor, two in a byte."""
    tensor = _header(name, codes.shape, TensorProto.INT4)
    tensor.raw_data = pack_nibbles(codes)
    return tensor


def pack_nibbles(codes: npt.NDArray[np.int8]) -> bytes:
    """Pack codes in -8..7 in two's complement, the earlier one in the low half of a byte."""
    nibbles = codes.reshape(-1).view(np.uint8) & 0x0F
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return (nibbles[0::2] | (nibbles[1::2] << 4)).tobytes()


def _header(name: str, shape: Sequence[int], data_type: int) -> TensorProto:
    tensor = TensorProto()
    tensor.name = name
    tensor.data_type = data_type
    tensor.dims.extend(shape)
    return tensor
