"""Fashion-MNIST from its four official files (Xiao, Rasul and Vollgraf, arXiv 1708.07747, 2017)."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tightfit import SpecError
from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets.downloads import download_with
from tightfit.objectives.datasets.splitting import VALIDATION_SHARE, hold_out

MEAN, STD = (0.2860,), (0.3530,)
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_FILES = tuple(
    f"{part}-{content}-ubyte"
    for part in ("train", "t10k")
    for content in ("images-idx3", "labels-idx1")
)
_FOLDERS = (".", "raw", "FashionMNIST/raw", "fashion_mnist", "fashion-mnist")
_UNSIGNED_BYTES = 0x08


def load_fashion_mnist(root: Path, *, seed: int, download: bool) -> Data:
    """Return the whole data set; the official test file is the test split.

    A tenth of the official training file, drawn by seed, is the validation split.

    Raises:
        SpecError: A file is not there, cut off, or something else.
    """
    paths = _find(root)
    if paths is None and download:
        download_with("FashionMNIST", root)
        paths = _find(root)
    if paths is None:
        raise SpecError(
            f"fashion_mnist needs its four files in {root}: "
            f"{', '.join(f'{name}.gz' for name in _FILES)} (or unpacked, without .gz); "
            "lay them there, or write download = true into [data]"
        )
    official = _read_pair(paths[0], paths[1])
    train, validation = hold_out(official, share=VALIDATION_SHARE, seed=seed)
    return make_data(
        "fashion_mnist",
        train=train,
        validation=validation,
        test=_read_pair(paths[2], paths[3]),
        mean=MEAN,
        std=STD,
        class_names=CLASS_NAMES,
    )


def _find(root: Path) -> list[Path] | None:
    """Return the four files in the order of ``_FILES``, packed or not, if all are there."""
    for folder in _FOLDERS:
        found = [
            next(
                (
                    path
                    for path in (root / folder / f"{name}.gz", root / folder / name)
                    if path.is_file()
                ),
                None,
            )
            for name in _FILES
        ]
        paths = [path for path in found if path is not None]
        if len(paths) == len(_FILES):
            return paths
    return None


def _read_pair(images: Path, labels: Path) -> Split:
    inputs, targets = read_idx(images, axes=3), read_idx(labels, axes=1)
    if inputs.numel() == 0:
        raise SpecError(f"{images} must hold at least one picture, got {list(inputs.shape)}")
    if len(inputs) != len(targets):
        raise SpecError(
            f"{images} and {labels} must belong together, "
            f"got {len(inputs)} pictures and {len(targets)} labels"
        )
    return Split(inputs.unsqueeze(1), targets.long())


def read_idx(path: Path, *, axes: int) -> Tensor:
    """Read an IDX file of unsigned bytes, gzipped when its name ends in ``.gz``.

    The header is big-endian: two zero bytes, the type, the number of axes, then each length.

    Returns:
        uint8, with as many axes as the file says.

    Raises:
        SpecError: The file is cut off, damaged, or not of that kind.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise SpecError(f"{path} cannot be unpacked, it is cut off or damaged: {error}") from error
    start = 4 + 4 * axes
    if content[:4] != bytes((0, 0, _UNSIGNED_BYTES, axes)) or len(content) < start:
        raise SpecError(
            f"{path} must be an IDX file of unsigned bytes with {axes} axes; "
            f"it begins with {content[:4].hex() or 'nothing'}"
        )
    shape = [int(length) for length in np.frombuffer(content, ">u4", count=axes, offset=4)]
    expected = start + math.prod(shape)
    if len(content) != expected:
        raise SpecError(
            f"{path} must hold {expected} bytes by its header, got {len(content)}: "
            "it is cut off or damaged"
        )
    values = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    return torch.from_numpy(values.copy())
