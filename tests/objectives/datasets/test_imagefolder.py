from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from tightfit import SpecError
from tightfit.objectives.data import Data
from tightfit.objectives.datasets import load_data

COLOURS = {"cat": (200, 10, 30), "dog": (10, 90, 220)}


def write_classes(folder: Path, count: int, *, size: tuple[int, int] = (20, 16)) -> None:
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", size, colour).save(folder / name / f"{number:02}.png")


def load(folder: Path, *, image_size: int = 8, seed: int = 0) -> Data:
    return load_data(
        f"imagefolder:{folder}",
        root=None,
        seed=seed,
        study_folder=Path(),
        image_size=image_size,
    )


def test_imagenets_layout_is_read(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 3)
    write_classes(tmp_path / "val", 2, size=(9, 30))
    data = load(tmp_path)
    assert data.test is None
    assert data.input_shape == (3, 8, 8)
    assert data.class_names == ("cat", "dog")
    assert data.train.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.validation.targets.tolist() == [0, 0, 1, 1]
    assert data.validation.inputs.dtype == torch.uint8
    assert tuple(data.validation.inputs[-1, :, 4, 4].tolist()) == COLOURS["dog"]


def test_a_test_folder_is_the_test_split(tmp_path: Path) -> None:
    for part in ("train", "val", "test"):
        write_classes(tmp_path / part, 1)
    data = load(tmp_path)
    assert data.test is not None
    assert len(data.test) == 2


def test_folders_of_classes_alone_are_split_by_seed(tmp_path: Path) -> None:
    write_classes(tmp_path, 10)
    data = load(tmp_path)
    assert data.test is not None
    assert [len(split) for split in data.splits().values()] == [16, 2, 2]
    assert data.test.targets.tolist() == [0, 1]


def test_without_val_a_part_of_train_is_held_out(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 10)
    write_classes(tmp_path / "test", 1)
    assert [len(split) for split in load(tmp_path).splits().values()] == [18, 2, 2]


def test_pictures_are_cropped_in_the_center(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_classes(tmp_path / part, 1)
    wide = Image.new("RGB", (24, 8), (0, 0, 0))
    wide.paste((255, 255, 255), (8, 0, 16, 8))
    wide.save(tmp_path / "val" / "cat" / "00.png")
    pixels = load(tmp_path).validation.inputs[0]
    assert int(pixels.min()) == 255


def test_grey_pictures_and_other_formats_become_rgb(tmp_path: Path) -> None:
    for part in ("train", "val"):
        write_classes(tmp_path / part, 1)
    Image.new("L", (10, 10), 77).save(tmp_path / "train" / "cat" / "00.png")
    Image.new("RGB", (10, 10), (77, 77, 77)).save(tmp_path / "train" / "cat" / "01.JPEG")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "train" / ".cache").mkdir()
    data = load(tmp_path)
    assert data.train.targets.tolist() == [0, 0, 1]
    assert data.train.inputs[0, :, 0, 0].tolist() == [77, 77, 77]


def test_a_relative_path_lies_beside_the_study_or_in_the_root(tmp_path: Path) -> None:
    write_classes(tmp_path / "a" / "pets", 10)
    beside = load_data(
        "imagefolder:pets", root=None, seed=0, study_folder=tmp_path / "a", image_size=8
    )
    in_root = load_data(
        "imagefolder:pets", root=Path("a"), seed=0, study_folder=tmp_path, image_size=8
    )
    assert beside.fingerprint == in_root.fingerprint


def test_a_damaged_picture_is_refused_by_name(tmp_path: Path) -> None:
    write_classes(tmp_path, 3)
    broken = tmp_path / "dog" / "01.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(SpecError, match=r"dog/01\.png cannot be read as a picture"):
        load(tmp_path)
    broken.write_bytes(b"no picture at all")
    with pytest.raises(SpecError, match=r"dog/01\.png cannot be read as a picture"):
        load(tmp_path)


def test_a_missing_folder_is_named_with_its_layout(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere with train/CLASS/\* and val/CLASS/\*"):
        load(tmp_path / "nowhere")
    with pytest.raises(SpecError, match="'imagefolder:PATH', got no path"):
        load_data("imagefolder:", root=None, seed=0, study_folder=tmp_path)


def test_one_class_is_not_enough(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    with pytest.raises(SpecError, match=r"at least two classes, got \['cat'\]"):
        load(tmp_path)


def test_a_class_without_pictures_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    (tmp_path / "emu").mkdir()
    with pytest.raises(SpecError, match=r"emu needs at least one picture"):
        load(tmp_path)


def test_splits_must_have_the_same_classes(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", 1)
    write_classes(tmp_path / "val", 1)
    (tmp_path / "val" / "emu").mkdir()
    with pytest.raises(SpecError, match="only one of them has emu"):
        load(tmp_path)


def test_more_pictures_than_memory_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_classes(tmp_path, 3)

    class Little:
        available = 1000

    monkeypatch.setattr("psutil.virtual_memory", Little)
    with pytest.raises(SpecError, match=r"the 6 pictures .* fewer pictures or a smaller"):
        load(tmp_path)
