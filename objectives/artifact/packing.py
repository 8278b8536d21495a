"""Numbers as ONNX stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

_PACKED_TYPES = {4: TensorProto.INT4, 2: TensorProto.INT2}


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
    """Add an array and return its name."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    data_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    return _add(initializers, name, array.shape, data_type, content.data)


def add_packed_initializer(
    initializers: list[Initializer], name: str, codes: npt.NDArray[np.int8], *, bits: int
) -> str:
    """Add codes of 4 bits (-8..7) or 2 bits (-2..1), two or four in a byte; return the name."""
    content = memoryview(pack(codes, bits))
    return _add(initializers, name, codes.shape, _PACKED_TYPES[bits], content)


def pack(codes: npt.NDArray[np.int8], bits: int) -> bytes:
    """Pack codes of 4 or 2 bits in two's complement, the earliest one in the lowest bits."""
    together = 8 // bits
    parts = codes.reshape(-1).view(np.uint8) & np.uint8(2**bits - 1)
    parts = np.append(parts, np.zeros(-parts.size % together, dtype=np.uint8))
    packed = np.zeros(parts.size // together, dtype=np.uint8)
    for place in range(together):
        packed |= parts[place::together] << np.uint8(bits * place)
    return packed.tobytes()


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
