"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tightfit import SpecError
from tightfit.objectives.data import Data
from tightfit.objectives.datasets.cifar import load_cifar10, load_cifar100
from tightfit.objectives.datasets.embedded import load_fashion_mnist_10k
from tightfit.objectives.datasets.fashion_mnist import load_fashion_mnist
from tightfit.objectives.datasets.imagefolder import load_imagefolder
from tightfit.objectives.datasets.objects import Source, from_objects, load_from_user_code
from tightfit.objectives.nearest import did_you_mean

__all__ = ["DATASET_NAMES", "Source", "from_objects", "load_data"]

EMBEDDED = "fashion_mnist_10k"

_FROM_FILES: Mapping[str, Callable[..., Data]] = {
    "fashion_mnist": load_fashion_mnist,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
}

DATASET_NAMES = (EMBEDDED, *_FROM_FILES, "imagefolder:PATH", "module:function")
"""Every way to name a data set."""


def load_data(
    name: str,
    *,
    root: Path | None,
    seed: int,
    study_folder: Path,
    download: bool = False,
    image_size: int = 224,
) -> Data:
    """Return a data set in memory.

    Args:
        name: One of :data:`DATASET_NAMES`.
        root: Folder of the data set's files; ``data`` beside the study file when not given.
        seed: Says which pictures are held out, where the data set does not say it itself.
        study_folder: Folder of the study file, from which relative paths are meant.
        download: Whether files that are not there may be fetched (Fashion-MNIST and CIFAR).
        image_size: Side in pixels to which an image folder's pictures are brought.

    Raises:
        SpecError: An unknown name, or files that are missing, damaged or something else.
    """
    if name == EMBEDDED:
        return load_fashion_mnist_10k()
    if name in _FROM_FILES:
        folder = study_folder / (root if root is not None else "data")
        return _FROM_FILES[name](folder, seed=seed, download=download)
    kind, colon, rest = name.partition(":")
    if kind == "imagefolder" and colon:
        if not rest:
            raise SpecError("an image folder is named 'imagefolder:PATH', got no path")
        base = study_folder / (root if root is not None else ".")
        return load_imagefolder(base / Path(rest).expanduser(), seed=seed, image_size=image_size)
    if colon:
        return load_from_user_code(name, folder=study_folder, seed=seed)
    raise SpecError(
        f"no data set is named {name!r}{did_you_mean(name, DATASET_NAMES)} "
        f"(known: {', '.join(DATASET_NAMES)})"
    )
