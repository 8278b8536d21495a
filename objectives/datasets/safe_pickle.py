"""Read a pickle that may hold plain values and arrays, and nothing that runs code.

CIFAR's python version is pickled. ``pickle`` calls whatever a file names; here a file may name four
functions, and what it gets for them is not even numpy's: stand-ins that remember their arguments,
from which an array is made by ``numpy.frombuffer``.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tightfit import SpecError

_KINDS = "buif"


class _Type:
    """What a pickle gets for ``numpy.dtype``: a type of plain numbers."""

    __slots__ = ("order", "text")

    def __init__(self, text: object, *_: object) -> None:
        self.text = text.decode("ascii") if isinstance(text, bytes) else str(text)
        self.order = "="

    def __setstate__(self, state: tuple[object, ...]) -> None:
        order = state[1]
        self.order = order.decode("ascii") if isinstance(order, bytes) else str(order)

    def numpy(self) -> np.dtype[np.generic]:
        found = np.dtype(self.text)
        if found.kind not in _KINDS or found.subdtype is not None:
            raise pickle.UnpicklingError(f"it holds an array of {self.text!r}, not of numbers")
        return found.newbyteorder(">") if self.order == ">" else found


class _Array:
    """What a pickle gets for an array: its shape, type and bytes."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = np.zeros(0)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _, shape, kind, fortran, content = state
        self.fill(content, kind, shape, "F" if fortran else "C")

    def fill(self, content: object, kind: object, shape: object, order: object) -> None:
        if not isinstance(kind, _Type) or not isinstance(content, bytes | bytearray):
            raise pickle.UnpicklingError("it holds an array whose contents are not bytes")
        if not isinstance(shape, tuple) or not all(isinstance(side, int) for side in shape):
            raise pickle.UnpicklingError("it holds an array without a shape")
        flat = np.frombuffer(content, kind.numpy())
        self.values = flat.reshape(shape, order="F" if order == "F" else "C")


@dataclass(frozen=True, slots=True)
class _Standin:
    """A callable that a pickle can call and cannot change."""

    function: Callable[..., object]

    def __call__(self, *arguments: object) -> object:
        return self.function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes a function")


def _empty_array(*_: object) -> _Array:
    return _Array()


def _array_of(content: object, kind: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.fill(content, kind, shape, order)
    return array


def _latin1(text: object, encoding: object) -> bytes:
    """How protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it encodes a text in another way than bytes are written")
    return text.encode("latin1")


# Python's and numpy's names for these have changed over the years; all are admitted.
_ADMITTED: Mapping[tuple[str, str], _Standin] = {
    ("numpy", "dtype"): _Standin(_Type),
    ("numpy", "ndarray"): _Standin(_empty_array),
    ("_codecs", "encode"): _Standin(_latin1),
    **{
        (f"numpy.{core}.{module}", function): _Standin(standin)
        for core in ("core", "_core")
        for module, function, standin in (
            ("multiarray", "_reconstruct", _empty_array),
            ("numeric", "_frombuffer", _array_of),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        standin = _ADMITTED.get((module, name))
        if standin is None:
            raise pickle.UnpicklingError(
                f"it names {module}.{name}, and only arrays, bytes, strings, numbers, lists and "
                "dicts are admitted"
            )
        return standin


def load_pickle(path: Path) -> Mapping[str, object]:
    """Return the dict that a pickle holds, arrays as numpy arrays, keys as strings.

    Raises:
        SpecError: The file holds anything else than arrays, bytes, strings, numbers, lists and
            dicts, it is cut off or damaged, or it is not a pickled dict. Nothing in it was run.
    """
    try:
        content = _Unpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    # A damaged pickle may fail anywhere in pickle's machine, with any exception.
    except Exception as error:
        raise SpecError(f"{path} was not read as a pickle: {error}") from error
    if not isinstance(content, dict):
        raise SpecError(f"{path} must hold a pickled dict, got {type(content).__name__}")
    return {
        key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key): (
            value.values if isinstance(value, _Array) else value
        )
        for key, value in content.items()
    }
