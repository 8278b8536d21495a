"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), from the binary or from the python version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from tightfit import SpecError
from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets.cifar_names import CIFAR10_NAMES, CIFAR100_NAMES
from tightfit.objectives.datasets.downloads import download_with
from tightfit.objectives.datasets.safe_pickle import load_pickle
from tightfit.objectives.datasets.splitting import VALIDATION_SHARE, hold_out

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class _Version:
    """Where one version of a data set keeps its parts.

    Attributes:
        folder: In which its archive unpacks.
        train, test: Files of the official parts.
        label: Its position among a record's leading bytes (binary) or its key (python).
        label_bytes: Leading bytes of each record; 0 for the python version.
    """

    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    label: int | str
    label_bytes: int = 0

    def read(self, path: Path) -> Split:
        return _read_binary(path, self) if self.label_bytes else _read_python(path, str(self.label))


@dataclass(frozen=True, slots=True)
class _Cifar:
    name: str
    versions: tuple[_Version, ...]
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    torchvision_name: Literal["CIFAR10", "CIFAR100"]


_FIVE = tuple(f"data_batch_{number}" for number in range(1, 6))

_CIFAR10 = _Cifar(
    name="cifar10",
    versions=(
        _Version(
            "cifar-10-batches-bin",
            tuple(f"{name}.bin" for name in _FIVE),
            ("test_batch.bin",),
            0,
            1,
        ),
        _Version("cifar-10-batches-py", _FIVE, ("test_batch",), "labels"),
    ),
    class_names=CIFAR10_NAMES,
    mean=(0.4914, 0.4822, 0.4465),
    std=(0.2470, 0.2435, 0.2616),
    torchvision_name="CIFAR10",
)

_CIFAR100 = _Cifar(
    name="cifar100",
    versions=(
        # A record has the label of its superclass first.
        _Version("cifar-100-binary", ("train.bin",), ("test.bin",), 1, 2),
        _Version("cifar-100-python", ("train",), ("test",), "fine_labels"),
    ),
    class_names=CIFAR100_NAMES,
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
    torchvision_name="CIFAR100",
)


def load_cifar10(root: Path, *, seed: int, download: bool) -> Data:
    """Return CIFAR-10; the official test file is the test split.

    A tenth of the official training files, drawn by seed, is the validation split.

    Raises:
        SpecError: A file is not there, cut off, or something else.
    """
    return _load(_CIFAR10, root, seed=seed, download=download)


def load_cifar100(root: Path, *, seed: int, download: bool) -> Data:
    """Return CIFAR-100 with its hundred fine classes; otherwise as :func:`load_cifar10`."""
    return _load(_CIFAR100, root, seed=seed, download=download)


def _load(cifar: _Cifar, root: Path, *, seed: int, download: bool) -> Data:
    found = _find(cifar, root)
    if found is None and download:
        download_with(cifar.torchvision_name, root)
        found = _find(cifar, root)
    if found is None:
        binary, python = cifar.versions
        raise SpecError(
            f"{cifar.name} needs the files of its binary or python version in {root}: "
            f"{binary.folder}/{binary.train[0]} and so on, or {python.folder}/{python.train[0]} "
            "and so on; unpack the archive there, or write download = true into [data]"
        )
    version, folder = found
    official = _joined([version.read(folder / name) for name in version.train])
    train, validation = hold_out(official, share=VALIDATION_SHARE, seed=seed)
    return make_data(
        cifar.name,
        train=train,
        validation=validation,
        test=_joined([version.read(folder / name) for name in version.test]),
        mean=cifar.mean,
        std=cifar.std,
        class_names=cifar.class_names,
    )


def _find(cifar: _Cifar, root: Path) -> tuple[_Version, Path] | None:
    """Return the version whose files are all in ``root``, or in its archive's folder there."""
    for version in cifar.versions:
        for folder in (root / version.folder, root):
            if all((folder / name).is_file() for name in version.train + version.test):
                return version, folder
    return None


def _joined(splits: list[Split]) -> Split:
    return Split(
        torch.cat([split.inputs for split in splits]),
        torch.cat([split.targets for split in splits]),
    )


def _read_binary(path: Path, version: _Version) -> Split:
    """Read records of ``label_bytes`` labels and 3,072 pixels: red, green, blue, row by row."""
    content = np.fromfile(path, np.uint8)
    length = version.label_bytes + _PIXELS
    if content.size == 0 or content.size % length:
        raise SpecError(
            f"{path} must hold records of {length} bytes, got {content.size} bytes: "
            "it is empty, cut off or something else"
        )
    records = torch.from_numpy(content).view(-1, length)
    inputs = records[:, version.label_bytes :].reshape(-1, *_SHAPE)
    return Split(inputs, records[:, int(version.label)].long())


def _read_python(path: Path, key: str) -> Split:
    content = load_pickle(path)
    data, labels = content.get("data"), content.get(key)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (_PIXELS,):
        raise SpecError(f"{path} must hold pixels as uint8 [N, {_PIXELS}] under the key 'data'")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise SpecError(f"{path} must hold a list of whole numbers under the key {key!r}")
    if len(labels) != len(data):
        raise SpecError(
            f"{path} needs one label for each of its {len(data)} pictures, got {len(labels)}"
        )
    return Split(
        torch.from_numpy(data.reshape(-1, *_SHAPE).copy()), torch.tensor(labels, dtype=torch.int64)
    )
