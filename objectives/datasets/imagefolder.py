"""Pictures in folders named like their classes, as ImageNet is laid out."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.datasets.folder import IMG_EXTENSIONS, default_loader
from torchvision.transforms import functional as F

from tightfit import SpecError
from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets.splitting import VALIDATION_SHARE, hold_out

# The statistics that published weights were trained with (Deng et al., CVPR 2009).
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_MEMORY_SHARE = 0.5


def load_imagefolder(folder: Path, *, seed: int, image_size: int) -> Data:
    """Return the pictures of ``train/CLASS/*`` and ``val/CLASS/*``, and of ``test`` if there is.

    Without ``train``, each folder is a class, and a tenth of each is held out by seed for
    validation and another for test; with ``train`` but without ``val``, for validation alone.
    Pictures are read as RGB, resized so that the shorter side has ``image_size`` pixels, cropped
    to a square in the center, and kept in memory as uint8.

    Raises:
        SpecError: Folders or pictures are missing, damaged, of other classes, or too many for the
            memory of this machine.
    """
    if not folder.is_dir():
        raise SpecError(
            f"imagefolder needs the folder {folder} with train/CLASS/* and val/CLASS/*, or with "
            "CLASS/*, and it is not there (pictures of your own cannot be downloaded)"
        )
    trained = folder / "train"
    if not trained.is_dir():
        classes = _classes(folder)
        everything = _read(folder, classes, image_size)
        rest, test = hold_out(everything, share=VALIDATION_SHARE, seed=seed)
        train, validation = hold_out(rest, share=VALIDATION_SHARE, seed=seed + 1)
        return _data(folder, classes, train, validation, test)
    classes = _classes(trained)
    train = _read(trained, classes, image_size)
    parts = {
        part: _read(folder / part, classes, image_size)
        for part in ("val", "test")
        if (folder / part).is_dir()
    }
    if "val" in parts:
        return _data(folder, classes, train, parts["val"], parts.get("test"))
    train, validation = hold_out(train, share=VALIDATION_SHARE, seed=seed)
    return _data(folder, classes, train, validation, parts.get("test"))


def _data(
    folder: Path, classes: Sequence[str], train: Split, validation: Split, test: Split | None
) -> Data:
    return make_data(
        f"imagefolder:{folder}",
        train=train,
        validation=validation,
        test=test,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        class_names=classes,
    )


def _classes(folder: Path) -> tuple[str, ...]:
    classes = tuple(
        sorted(
            entry.name
            for entry in folder.iterdir()
            if entry.is_dir() and not entry.name.startswith(".")
        )
    )
    if len(classes) < 2:
        raise SpecError(
            f"{folder} needs one folder for each of at least two classes, "
            f"got {list(classes) or 'none'}"
        )
    return classes


def _read(folder: Path, classes: Sequence[str], image_size: int) -> Split:
    found = _classes(folder)
    if found != tuple(classes):
        differing = sorted(set(found) ^ set(classes))
        raise SpecError(
            f"{folder} must have the same classes as the training pictures; "
            f"only one of them has {', '.join(differing[:5])}"
        )
    paths: list[Path] = []
    targets: list[int] = []
    for target, name in enumerate(classes):
        pictures = sorted(
            path for path in (folder / name).rglob("*") if path.suffix.lower() in IMG_EXTENSIONS
        )
        if not pictures:
            raise SpecError(
                f"{folder / name} needs at least one picture "
                f"({', '.join(IMG_EXTENSIONS)}), got none"
            )
        paths += pictures
        targets += [target] * len(pictures)
    _check_memory(folder, len(paths), image_size)
    inputs = torch.empty((len(paths), 3, image_size, image_size), dtype=torch.uint8)
    # Decoding and resizing leave Python's lock, so threads run beside each other.
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(lambda path: _picture(path, image_size), paths)
        for row, pixels in enumerate(decoded):
            inputs[row] = pixels
    return Split(inputs, torch.tensor(targets))


def _check_memory(folder: Path, count: int, image_size: int) -> None:
    needed = count * 3 * image_size**2
    free = psutil.virtual_memory().available
    if needed > _MEMORY_SHARE * free:
        raise SpecError(
            f"the {count:,} pictures of {folder} take {needed / 1e9:.1f} GB at {image_size} x "
            f"{image_size}, and at most half of the {free / 1e9:.1f} GB of free memory may be "
            "taken; take fewer pictures or a smaller image_size"
        )


def _picture(path: Path, image_size: int) -> Tensor:
    """Return one picture as RGB, ``[3, image_size, image_size]``."""
    try:
        picture = default_loader(str(path))
    # Pillow raises SyntaxError and ValueError for some damaged headers.
    except (
        OSError,
        SyntaxError,
        ValueError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
    ) as error:
        raise SpecError(f"{path} cannot be read as a picture: {error}") from error
    resized = F.resize(picture, image_size, antialias=True)
    pixels: Tensor = F.pil_to_tensor(F.center_crop(resized, image_size))
    return pixels
