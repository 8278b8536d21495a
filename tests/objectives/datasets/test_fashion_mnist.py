from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from tightfit import SpecError
from tightfit.objectives.data import Data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.datasets.fashion_mnist import read_idx


def idx(values: np.ndarray) -> bytes:
    header = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write_official(folder: Path, *, packed: bool = True, train: int = 60, test: int = 20) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        for name, values in (
            ("images-idx3", rng.integers(0, 256, (count, 28, 28))),
            ("labels-idx1", np.arange(count) % 10),
        ):
            content = idx(values)
            path = folder / f"{part}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


def load(folder: Path, *, seed: int = 0, download: bool = False) -> Data:
    return load_data(
        "fashion_mnist", root=folder, seed=seed, study_folder=Path(), download=download
    )


def test_the_embedded_data_are_there_and_balanced() -> None:
    data = load_data("fashion_mnist_10k", root=None, seed=5, study_folder=Path())
    assert data.test is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (7000, 1500, 1500)
    assert data.input_shape == (1, 28, 28)
    assert data.classes == 10
    for split in data.splits().values():
        assert split.targets.bincount().tolist() == [len(split) // 10] * 10
    other_seed = load_data("fashion_mnist_10k", root=None, seed=6, study_folder=Path())
    assert other_seed.fingerprint == data.fingerprint


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("inside", [".", "FashionMNIST/raw"])
def test_the_official_files_are_read(tmp_path: Path, inside: str, *, packed: bool) -> None:
    write_official(tmp_path / inside, packed=packed)
    data = load(tmp_path)
    assert data.test is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 10, 20)
    assert data.test.targets.tolist() == [number % 10 for number in range(20)]
    assert data.validation.targets.bincount().tolist() == [1] * 10
    together = torch.cat([data.train.inputs, data.validation.inputs]).flatten(1)
    assert len({bytes(row.numpy().tobytes()) for row in together}) == 60


def test_the_seed_says_which_pictures_are_held_out(tmp_path: Path) -> None:
    write_official(tmp_path)
    assert load(tmp_path, seed=1).fingerprint == load(tmp_path, seed=1).fingerprint
    first, other = load(tmp_path, seed=1), load(tmp_path, seed=2)
    assert not torch.equal(first.validation.inputs, other.validation.inputs)


def test_a_relative_root_lies_beside_the_study(tmp_path: Path) -> None:
    write_official(tmp_path / "data")
    by_default = load_data("fashion_mnist", root=None, seed=0, study_folder=tmp_path)
    named = load_data("fashion_mnist", root=Path("data"), seed=0, study_folder=tmp_path)
    assert by_default.fingerprint == named.fingerprint


def test_missing_files_are_named_with_their_folder(tmp_path: Path) -> None:
    write_official(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(SpecError, match=r"four files in .*train-images-idx3-ubyte\.gz"):
        load(tmp_path)


def test_a_download_that_fails_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(root: str, *, download: bool) -> None:
        assert download
        raise OSError(f"no route to host, for {root}")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fail)
    with pytest.raises(SpecError, match=r"could not be downloaded into .* no route to host"):
        load(tmp_path, download=True)


def test_a_download_is_read_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: str, *, download: bool) -> None:
        assert download
        write_official(Path(root) / "FashionMNIST" / "raw", packed=False)

    monkeypatch.setattr("torchvision.datasets.FashionMNIST", fetch)
    assert len(load(tmp_path, download=True).train) == 50


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it begins with nothing"),
        (b"\x89PNG\r\n\x1a\n and so on", "it begins with 89504e47"),
        (idx(np.zeros((2, 3), np.uint8)), "with 3 axes"),
        (idx(np.zeros((2, 3, 3), np.uint8))[:-1], "34 bytes by its header, got 33"),
        (idx(np.zeros((2, 3, 3), np.uint8)) + b"x", "34 bytes by its header, got 35"),
    ],
)
def test_a_strange_file_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=f"{path.name}.*{message}"):
        read_idx(path, axes=3)


@pytest.mark.parametrize("content", ["cut", "foreign", "without its checksum"])
def test_a_damaged_archive_is_refused_by_name(tmp_path: Path, content: str) -> None:
    whole = gzip.compress(idx(np.arange(200)))
    damaged = {"cut": whole[:40], "foreign": b"no archive", "without its checksum": whole[:-4]}
    path = tmp_path / "labels.gz"
    path.write_bytes(damaged[content])
    with pytest.raises(SpecError, match=r"labels\.gz cannot be unpacked, it is cut off"):
        read_idx(path, axes=1)


def test_pictures_and_labels_must_belong_together(tmp_path: Path) -> None:
    write_official(tmp_path, packed=False)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(3)))
    with pytest.raises(SpecError, match="must belong together, got 60 pictures and 3 labels"):
        load(tmp_path)


def test_a_file_without_pictures_is_refused(tmp_path: Path) -> None:
    write_official(tmp_path, train=0)
    with pytest.raises(SpecError, match=r"images-idx3-ubyte\.gz must hold at least one picture"):
        load(tmp_path)


def test_one_picture_of_each_class_cannot_be_held_out(tmp_path: Path) -> None:
    write_official(tmp_path, train=10)
    with pytest.raises(SpecError, match="at least one class needs two inputs"):
        load(tmp_path)


def test_an_unknown_data_set_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'fashion_minst'; did you mean 'fashion_mnist'"):
        load_data("fashion_minst", root=None, seed=0, study_folder=tmp_path)
