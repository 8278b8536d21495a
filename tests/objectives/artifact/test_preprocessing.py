"""A file that prepares pictures itself answers as the plain file does to prepared ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

from tightfit.errors import SpecError
from tightfit.objectives.artifact.preprocessing import Preprocessing, write_preprocessed
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.meter.agent import open_onnxruntime
from tightfit.objectives.proof.pictures import as_they_are, prepared
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
Pictures = npt.NDArray[np.uint8]
MEAN, STD = (0.4,), (0.3,)
METADATA = {"candidate": "a", "mean": "0.4", "std": "0.3"}
ROUNDED = 0.02
"""Of the largest answer: a pixel that is rounded to the next code moves it so far."""


@pytest.fixture(params=[None, 8])
def plain(
    request: pytest.FixtureRequest, residual_program: ResidualProgram, tmp_path: Path
) -> Path:
    """A plain file, of floats and quantized, for pictures of its own side."""
    write_onnx(residual_program(request.param), tmp_path / "plain.onnx", metadata=METADATA)
    return tmp_path / "plain.onnx"


def shape_of(plain: Path) -> tuple[int, ...]:
    return tuple(onnxruntime.InferenceSession(plain).get_inputs()[0].shape[1:])


def pictures(channels: int, *side: int) -> Pictures:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (16, channels, *side), dtype=np.uint8)


def preprocessing(plain: Path, side: tuple[int, int], **more: tuple[int, int]) -> Preprocessing:
    return Preprocessing((shape_of(plain)[0], *side), MEAN, STD, **more)


def answers(path: Path, inputs: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(path)
    (entry,) = session.get_inputs()
    found: npt.NDArray[np.float32] = session.run(None, {entry.name: inputs})[0]
    return found


def answers_of_plain(plain: Path, given: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    return answers(plain, prepared(given, shape_of(plain), mean=MEAN, std=STD))


@pytest.mark.parametrize("longer", [0, 5])
def test_it_answers_to_pictures_as_the_plain_file_to_prepared_ones(
    plain: Path, tmp_path: Path, longer: int
) -> None:
    """Also where the network wants another side than the data has."""
    channels, *own = shape_of(plain)
    side = (own[0] + longer, own[1] + longer)
    path = tmp_path / "inside.onnx"
    size = write_preprocessed(plain, path, preprocessing(plain, side))
    assert path.stat().st_size == size
    given = pictures(channels, *side)
    found, expected = answers(path, as_they_are(given)), answers_of_plain(plain, given)
    # The same arithmetic without resizing, down to the last bit.
    allowed = ROUNDED * np.abs(expected).max() if longer else 0.0
    np.testing.assert_allclose(found, expected, rtol=0, atol=allowed)
    assert (found.argmax(1) == expected.argmax(1)).all()


def test_pictures_of_any_size_are_fitted_and_cut_to_the_middle(plain: Path, tmp_path: Path) -> None:
    channels, height, width = shape_of(plain)
    path = tmp_path / "inside.onnx"
    whole = preprocessing(plain, (height, width), source=(3 * height, 4 * width))
    write_preprocessed(plain, path, whole)
    given = pictures(channels, 3 * height, 4 * width)
    fitted = F.interpolate(
        torch.from_numpy(given).float(), scale_factor=1 / 3, mode="bilinear", antialias=True
    )
    left = (fitted.shape[3] - width) // 2
    middle = fitted[..., left : left + width].numpy() / np.float32(255)
    expected = answers(plain, prepared(middle, shape_of(plain), mean=MEAN, std=STD))
    found = answers(path, as_they_are(given))
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDED * np.abs(expected).max())
    same = pictures(channels, height, width)
    assert (answers(path, as_they_are(same)) == answers_of_plain(plain, same)).all()


def test_the_file_says_what_it_takes_and_is_measured_with_its_usual_size(
    plain: Path, tmp_path: Path
) -> None:
    channels, height, width = shape_of(plain)
    path = tmp_path / "inside.onnx"
    write_preprocessed(plain, path, preprocessing(plain, (height, width), source=(48, 64)))
    session = onnxruntime.InferenceSession(path)
    told = session.get_modelmeta().custom_metadata_map
    assert told["input"].startswith(f"uint8 pictures [N, height, width, {channels}]; mean, std")
    assert told["candidate"] == "a"
    assert not {"mean", "std"} & told.keys()
    (entry,) = session.get_inputs()
    assert (entry.name, entry.type) == ("pictures", "tensor(uint8)")
    assert entry.shape == ["N", "height", "width", channels]
    assert (told["axis.height"], told["axis.width"]) == ("48", "64")
    opened = open_onnxruntime(path, threads=1, spinning=False, batch=2)
    opened.draw()
    opened.run()


def test_what_are_no_pictures_is_refused() -> None:
    with pytest.raises(SpecError, match=r"only pictures \[channels, height, width\] can be"):
        Preprocessing((16,), (0.0,), (1.0,))
    with pytest.raises(SpecError, match="the sides of pictures must be at least 1, got"):
        Preprocessing((1, 8, 8), (0.0,), (1.0,), (0, 9))
    with pytest.raises(SpecError, match=r"prepares uint8 pictures \[n, C, H, W\] itself, got"):
        as_they_are(np.zeros((2, 1, 8, 8), np.float32))
