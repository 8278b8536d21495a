from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tightfit import SpecError
from tightfit.objectives.data import Data
from tightfit.objectives.datasets import load_data

PER_FILE = 20
FIVE = [f"data_batch_{number}" for number in range(1, 6)]


def contents(seed: int, classes: int) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    labels = [number % classes for number in range(PER_FILE)]
    return rng.integers(0, 256, (PER_FILE, 3072)).astype(np.uint8), labels


def write_binary(folder: Path, name: str, seed: int, *, classes: int, coarse: bool) -> None:
    pixels, labels = contents(seed, classes)
    columns = [np.array(labels, np.uint8)[:, None], pixels]
    if coarse:
        columns.insert(0, np.full((PER_FILE, 1), 7, np.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(np.concatenate(columns, axis=1).tobytes())


def write_pickle(folder: Path, name: str, seed: int, *, classes: int, key: str) -> None:
    pixels, labels = contents(seed, classes)
    batch = {b"batch_label": b"a batch", key.encode(): labels, b"data": pixels}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


def write_cifar10(root: Path, *, binary: bool) -> None:
    for seed, name in enumerate([*FIVE, "test_batch"]):
        if binary:
            write_binary(
                root / "cifar-10-batches-bin", f"{name}.bin", seed, classes=10, coarse=False
            )
        else:
            write_pickle(root / "cifar-10-batches-py", name, seed, classes=10, key="labels")


def write_cifar100(root: Path, *, binary: bool) -> None:
    for seed, name in enumerate(["train", "test"]):
        if binary:
            write_binary(root / "cifar-100-binary", f"{name}.bin", seed, classes=4, coarse=True)
        else:
            write_pickle(root / "cifar-100-python", name, seed, classes=4, key="fine_labels")


def load(name: str, root: Path) -> Data:
    return load_data(name, root=root, seed=0, study_folder=Path())


@pytest.mark.parametrize("binary", [True, False])
def test_cifar10_is_read(tmp_path: Path, *, binary: bool) -> None:
    write_cifar10(tmp_path, binary=binary)
    data = load("cifar10", tmp_path)
    assert data.test is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (90, 10, 20)
    pixels, labels = contents(5, 10)
    assert data.test.targets.tolist() == labels
    assert torch.equal(data.test.inputs, torch.from_numpy(pixels.reshape(-1, 3, 32, 32)))
    assert data.classes == 10
    assert data.class_names is not None
    assert data.class_names[3] == "cat"


@pytest.mark.parametrize("binary", [True, False])
def test_cifar100_is_read_with_its_fine_classes(tmp_path: Path, *, binary: bool) -> None:
    write_cifar100(tmp_path, binary=binary)
    data = load("cifar100", tmp_path)
    assert data.test is not None
    assert data.test.targets.tolist() == contents(1, 4)[1]
    assert data.classes == 100
    assert data.input_shape == (3, 32, 32)


def test_both_versions_give_the_same_data(tmp_path: Path) -> None:
    for binary in (True, False):
        write_cifar10(tmp_path / str(binary), binary=binary)
    prints = {load("cifar10", tmp_path / name).fingerprint for name in ("True", "False")}
    assert len(prints) == 1


def test_files_may_lie_in_the_root_itself(tmp_path: Path) -> None:
    write_cifar10(tmp_path, binary=False)
    assert len(load("cifar10", tmp_path / "cifar-10-batches-py").train) == 90


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_pickle_protocol_and_memory_order_is_read(
    tmp_path: Path, protocol: int, order: Any
) -> None:
    write_cifar10(tmp_path, binary=False)
    pixels, labels = contents(5, 10)
    batch = {"data": np.array(pixels, order=order), "labels": labels}
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(pickle.dumps(batch, protocol=protocol))
    data = load("cifar10", tmp_path)
    assert data.test is not None
    assert torch.equal(data.test.inputs.flatten(1), torch.from_numpy(pixels))


class Malicious:
    """Unpickled in the usual way, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path: Path) -> None:
    write_cifar10(tmp_path, binary=False)
    trace = tmp_path / "trace"
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(pickle.dumps({"data": Malicious(trace), "labels": []}))
    with pytest.raises(SpecError, match=r"data_batch_3 .*it names .* and only arrays, bytes"):
        load("cifar10", tmp_path)
    assert not trace.exists()
    pickle.loads(batch.read_bytes())
    assert trace.exists(), "the pickle was harmless, so that the test showed nothing"


# A pickle by hand: GLOBAL names a function, '(' ... 't' is a tuple, R calls, b sets the state.
ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"cos\nsystem\n(S'true'\ntR.", "it names os.system"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "it names builtins.eval"),
        (b"cnumpy\nload\n.", "it names numpy.load"),
        (b"ccopyreg\n_reconstructor\n.", "it names copyreg"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "encodes a text in another way"),
        (b"c_codecs\nencode\n}b.", "it changes a function"),
        (ARRAY + b"(I1\n(I1\ntcnumpy\ndtype\n(S'O8'\ntRI00\nC\x01xtb.", "not of numbers"),
        (ARRAY + b"(I1\n(I1\ntcnumpy\ndtype\n(S'u1'\ntRI00\n]tb.", "contents are not bytes"),
        (ARRAY + b"(I1\nI1\ncnumpy\ndtype\n(S'u1'\ntRI00\nC\x01xtb.", "without a shape"),
        (ARRAY + b"(I1\n(I9\ntcnumpy\ndtype\n(S'u1'\ntRI00\nC\x01xtb.", "cannot reshape"),
        (b"", "was not read as a pickle"),
        (b"\x89PNG\r\n", "was not read as a pickle"),
        (pickle.dumps([1, 2]), "must hold a pickled dict, got list"),
        (pickle.dumps({"labels": [1]}), "under the key 'data'"),
        (pickle.dumps({"data": np.zeros((1, 9), np.uint8)}), "under the key 'data'"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8)}), "under the key 'labels'"),
        (
            pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}),
            "one label for each of its 2 pictures, got 1",
        ),
    ],
)
def test_a_strange_pickle_is_refused_by_name(tmp_path: Path, content: bytes, message: str) -> None:
    write_cifar10(tmp_path, binary=False)
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(content)
    with pytest.raises(SpecError, match=f"test_batch .*{message}"):
        load("cifar10", tmp_path)


def test_a_big_endian_array_is_read_as_its_numbers(tmp_path: Path) -> None:
    from tightfit.objectives.datasets.safe_pickle import load_pickle

    path = tmp_path / "numbers"
    path.write_bytes(pickle.dumps({"x": np.array([1, 2], ">i4"), "y": np.array([0.5])}))
    read = load_pickle(path)
    assert [list(np.asarray(read[name])) for name in ("x", "y")] == [[1, 2], [0.5]]


@pytest.mark.parametrize("content", [b"", b"x" * 3072, b"x" * (2 * 3073 + 1)])
def test_a_cut_off_binary_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    write_cifar10(tmp_path, binary=True)
    (tmp_path / "cifar-10-batches-bin" / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(SpecError, match=r"data_batch_2\.bin must hold records of 3073 bytes"):
        load("cifar10", tmp_path)


def test_a_label_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    write_cifar10(tmp_path, binary=True)
    write_binary(tmp_path / "cifar-10-batches-bin", "test_batch.bin", 0, classes=11, coarse=False)
    with pytest.raises(SpecError, match=r"must lie in 0\.\.9, got 0\.\.10"):
        load("cifar10", tmp_path)


def test_missing_files_are_named_with_their_folder(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cifar10 needs .*cifar-10-batches-bin/data_batch_1\.bin"):
        load("cifar10", tmp_path)
    with pytest.raises(SpecError, match=r"cifar100 needs .*cifar-100-python/train"):
        load("cifar100", tmp_path)


def test_a_download_is_read_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(root: str, *, download: bool) -> None:
        assert download
        write_cifar100(Path(root), binary=False)

    monkeypatch.setattr("torchvision.datasets.CIFAR100", fetch)
    data = load_data("cifar100", root=tmp_path, seed=0, study_folder=Path(), download=True)
    assert data.classes == 100
