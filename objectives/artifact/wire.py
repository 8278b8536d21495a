"""What protobuf puts around the numbers of a file, and how many bytes that takes.

Only as much of the encoding as files of large numbers and the prediction of their size need: a
field is a tag, for anything longer than a number its length, and its content. A prediction takes
names at their usual length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit.space import IntArray

NAME = 3
"""Bytes of a name as the emitter makes them: ``x2f``."""

_TAG = 1
_NUMBER = 2

_LENGTH_DELIMITED = 2


def field_head(number: int, size: int) -> bytes:
    """Return what stands in front of the ``size`` bytes of the field ``number``, at most 15."""
    head = [number << 3 | _LENGTH_DELIMITED]
    while size >= 2**7:
        head.append(size % 2**7 + 2**7)
        size //= 2**7
    return bytes([*head, size])


def field_bytes(content: IntArray | int) -> IntArray:
    """Return the bytes of a field with ``content`` bytes, each ``[n]`` or one number."""
    return _TAG + varint_bytes(content) + content


def varint_bytes(value: IntArray | int) -> IntArray:
    """Return the bytes of whole numbers, seven bits a byte."""
    length = np.ones_like(value, dtype=np.int64)
    limit, largest = 2**7, np.max(value, initial=0)
    while largest >= limit:
        length = length + np.greater_equal(value, limit)
        limit *= 2**7
    return length


def tensor_bytes(shape: Sequence[IntArray | int], payload: IntArray) -> IntArray:
    """Return the bytes of an initializer of a shape with a payload, ``[n]``."""
    dims = sum(_TAG + varint_bytes(size) for size in shape)
    return field_bytes(dims + _NUMBER + field_bytes(NAME) + field_bytes(payload))


def node_bytes(operator: str, inputs: int, *, attributes: int = 0, name: str = "") -> int:
    """Return the bytes of a node with one output."""
    names = (inputs + 1) * int(field_bytes(NAME)) + int(field_bytes(len(operator)))
    if name:
        names += int(field_bytes(len(name)))
    return int(field_bytes(names + attributes))


def attribute_bytes(name: str, count: int = 1) -> int:
    """Return the bytes of an attribute with one or more small whole numbers."""
    kind = 3
    return int(field_bytes(int(field_bytes(len(name))) + kind + _NUMBER * count))
