from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tightfit import SpecError
from tightfit.objectives.data import Split, make_data
from tightfit.objectives.proof.pictures import Pictures, prepared, read_pictures, write_pictures
from tightfit.objectives.quality import prepare_inputs


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("side", [16, 9])
def test_inputs_are_prepared_as_training_prepares_them(dtype: torch.dtype, side: int) -> None:
    inputs = (255 * torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))).to(dtype)
    split = Split(inputs, torch.arange(6) % 3)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)
    data = make_data("d", train=split, validation=split, test=None, mean=mean, std=std)
    wanted = prepare_inputs(data, inputs, (3, side, side)).numpy()
    found = prepared(inputs.numpy(), (3, side, side), mean=mean, std=std)
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("compressed", [True, False])
def test_pictures_survive_their_file(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    kept = Pictures(rng.integers(0, 256, (5, 1, 4, 4), np.uint8), np.arange(5))
    write_pictures(tmp_path / "p.npz", kept, compressed=compressed)
    read = read_pictures(tmp_path / "p.npz")
    assert (read.inputs == kept.inputs).all()
    assert read.digest == kept.digest
    other = Pictures(kept.inputs, (kept.targets + 1) % 5)
    assert other.digest != kept.digest


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": np.zeros((2, 1, 4, 4), np.float32)}, "'inputs' and 'targets'"),
        ({"inputs": np.zeros((2, 1, 4, 4)), "targets": np.zeros(2)}, "uint8 or float32"),
        ({"inputs": np.zeros((2, 1), np.uint8), "targets": np.zeros(3)}, "one target for each"),
        ({"inputs": np.array([None, "x"], object), "targets": np.zeros(2)}, "must be an .npz"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "p.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=message):
        read_pictures(tmp_path / "p.npz")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_pictures(path, Pictures(np.zeros((9, 1, 9, 9), np.uint8), np.zeros(9)), compressed=False)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SpecError, match=r"must be an \.npz"):
        read_pictures(path)


def test_pictures_of_other_channels_are_refused() -> None:
    with pytest.raises(SpecError, match="inputs of 3 channels"):
        prepared(np.zeros((2, 1, 8, 8), np.uint8), (3, 8, 8), mean=(0.0,) * 3, std=(1.0,) * 3)
