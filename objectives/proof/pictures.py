"""Pictures with their targets as one ``.npz``, and as a file wants to read them."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from tightfit.errors import SpecError
from tightfit.objectives.proof.resizing import resize
from tightfit.objectives.runtimes.protocol import Float32Array

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What quality is read on.

    Attributes:
        inputs: uint8 pixels or float32, ``[N, C, ...]``.
        targets: ``[N, ...]``; numbers of classes where right answers are counted.
    """

    inputs: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over every value, type and shape; equal on every machine."""
        digest = hashlib.sha256()
        for values in (self.inputs, self.targets):
            digest.update(f"{values.dtype.str}{list(values.shape)}".encode())
            digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()[:16]


def read_pictures(path: Path) -> Pictures:
    """Return the arrays ``inputs`` and ``targets`` of an ``.npz``.

    Raises:
        SpecError: The file is missing, damaged or something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            inputs, targets = arrays["inputs"], arrays["targets"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise SpecError(
            f"{path} must be an .npz with the arrays 'inputs' and 'targets': {error}"
        ) from error
    if inputs.dtype not in (np.uint8, np.float32):
        raise SpecError(f"inputs in {path} must be uint8 or float32, got {inputs.dtype}")
    if inputs.ndim < 2 or targets.ndim < 1 or len(inputs) != len(targets) or len(inputs) == 0:
        raise SpecError(
            f"{path} needs one target for each of at least one input [N, C, ...], "
            f"got {list(inputs.shape)} and {list(targets.shape)}"
        )
    return Pictures(inputs, targets)


def write_pictures(path: Path, pictures: Pictures, *, compressed: bool) -> None:
    """Write what :func:`read_pictures` reads."""
    save = np.savez_compressed if compressed else np.savez
    with path.open("wb") as stream:
        save(stream, inputs=pictures.inputs, targets=pictures.targets)


def as_they_are(inputs: Array) -> Float32Array:
    """Return pictures ``[n, C, H, W]`` as a file reads them that prepares them itself.

    Raises:
        SpecError: The inputs are no uint8 pictures.
    """
    if inputs.dtype != np.uint8 or inputs.ndim != 4:
        raise SpecError(
            "the file prepares uint8 pictures [n, C, H, W] itself, "
            f"got {inputs.dtype} {list(inputs.shape)}"
        )
    # A session takes what the file declares; its type speaks of plain files.
    return cast(Float32Array, np.ascontiguousarray(inputs.transpose(0, 2, 3, 1)))


def prepared(
    inputs: Array,
    shape: tuple[int, ...],
    *,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Float32Array:
    """Return inputs ``[n, C, ...]`` as a file of the input ``shape`` reads them.

    uint8 becomes ``(x / 255 - mean) / std``, float32 becomes ``(x - mean) / std``; pictures of
    another side are resized.

    Raises:
        SpecError: The inputs have other channels, or are no pictures and have another shape.
    """
    if inputs.shape[1] != len(mean):
        raise SpecError(
            f"the file reads inputs of {len(mean)} channels, got {list(inputs.shape[1:])}"
        )
    axes = (1, -1) + (1,) * (inputs.ndim - 2)
    centre = np.asarray(mean, np.float32).reshape(axes)
    scale = np.asarray(std, np.float32).reshape(axes)
    pixels = np.float32(255) if inputs.dtype == np.uint8 else np.float32(1)
    normalized: Float32Array = (inputs.astype(np.float32) - pixels * centre) / (pixels * scale)
    if normalized.shape[1:] == tuple(shape):
        return normalized
    if normalized.ndim != 4 or len(shape) != 3:
        raise SpecError(f"the file reads inputs of {list(shape)}, got {list(inputs.shape[1:])}")
    return resize(normalized, (shape[1], shape[2]))
