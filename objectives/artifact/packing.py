"""Numbers as ONNX stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Initializer:
    """Numbers of a file, apart from what says what they are: they may be hundreds of megabytes.

    Attributes:
        header: Name, type and shape.
        content: The numbers as the file has them; those of the program itself where they can be.
    """

    header: TensorProto
    content: memoryview


def add_initializer(initializers: list[Initializer], name: str, array: npt.NDArray[Any]) -> str:
    """Add an array of float32, int64, int32, int8 or uint8 and return its name."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return _add(initializers, name, array.shape, _DATA_TYPES[array.dtype], content.data)


def add_int4_initializer(
    initializers: list[Initializer], name: str, codes: npt.NDArray[np.int8]
) -> str:
    """Add codes in -8..7 as INT4, two in a byte, and return the name."""
    content = memoryview(pack_nibbles(codes))
    return _add(initializers, name, codes.shape, TensorProto.INT4, content)


def pack_nibbles(codes: npt.NDArray[np.int8]) -> bytes:
    """Pack codes in -8..7 in two's complement, the earlier one in the low half of a byte."""
    nibbles = codes.reshape(-1).view(np.uint8) & 0x0F
    if nibbles.size % 2:
        nibbles = np.append(nibbles, np.uint8(0))
    return (nibbles[0::2] | (nibbles[1::2] << 4)).tobytes()


def _add(
    initializers: list[Initializer],
    name: str,
    shape: Sequence[int],
    data_type: int,
    content: memoryview,
) -> str:
    header = TensorProto(name=name, data_type=data_type, dims=shape)
    initializers.append(Initializer(header, content))
    return name
