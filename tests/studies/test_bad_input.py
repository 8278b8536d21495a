"""What a person may get wrong: exit code 2, one short message, no traceback."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tightfit.studies.cli import main

TINY = Path(__file__).parent / "tiny"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name in ("tiny.toml", "own.py"):
        shutil.copy(TINY / name, tmp_path)
    return tmp_path / "tiny.toml"


def answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str]:
    """Run the command line; return its exit code and its message on one line."""
    monkeypatch.setattr(sys, "argv", ["tightfit", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('constraints=["sise_kb <= 3"]', "unknown metric 'sise_kb'; did you mean 'size_kb'?"),
        ('constraints=["size_kb < 3"]', "uses '<'; write '<=' or '>='"),
        ('constraints=["size_kb <= nan"]', "must be finite, got nan"),
        ('constraints=["size_kb <= inf"]', "must be finite, got inf"),
        ('constraints=["size_kb <= -3"]', "comes to -3, which nothing can keep"),
        ('constraints=["size_kb <= 0"]', "comes to 0, which nothing can keep"),
        ('constraints=["accuracy >= 93"]', "an accuracy is a share in 0..1"),
        ('constraints=["size_kb <= 3", "size_kb >= 9"]', "contradict each other"),
        ('constraints=["size_kb <= 3", "size_kb <= 9"]', "two limits on the same side"),
        ("trials=0", "greater than or equal to 1, got 0"),
        ("trials=-2", "greater than or equal to 1, got -2"),
        ("space.schedule.epochs=[0]", "greater than or equal to 1, got 0"),
        ("space.schedule.epochs=[-1]", "greater than or equal to 1, got -1"),
        ('sampler="tpee"', "'sampler' must be"),
        ('objectives=["speed"]', "unknown metric 'speed'"),
        ('objectives=["size_kb", "size_kb"]', "the objectives must differ"),
        ("space.pruned.per=3", "unknown table 'pruned'; did you mean 'pruning'?"),
        ("modell.name=3", "unknown table 'modell'; did you mean 'model'?"),
        ('model.nam="x"', "unknown key 'nam'; did you mean 'name'? in [model]"),
        ("space.quantization.bits=[3]", "must be 8, 4, 2 or 'none', got 3"),
        ("space.pruning.ratios=[1.5]", "should be less than 1, got 1.5"),
        ('model.name="resnet81"', "resnet81"),
        ('model.name="own:make_nets"', "make_net"),
        ('model.name="own:make_data"', "make_data"),
        ('model.name="nowhere:net"', "nowhere"),
        ('data.name="cifar11"', "cifar10"),
        ('data.name="imagefolder:missing"', "missing"),
        ('data.name="cifar10"', "data"),
        ('model.weights="missing.safetensors"', "missing.safetensors"),
        ('model.weights="own.py"', "own.py"),
        ('training.loss="own:losses"', "losses"),
        ('training.device="tpu"', "'training.device' must be"),
        ('device.profile="fridge"', "unknown profile 'fridge'; known are cpu, microcontroller"),
        ('device.connect="usb:3"', "'device.connect' must be 'local', 'ssh:user@host' or"),
        ('device={runtime="openvino", spinning=true}', "only threads of onnxruntime can"),
        ("device={threads=2, processors=[1]}", "2 threads need as many processors, got [1]"),
        ("device.interval=0", "'device.interval' should be greater than 0, got 0"),
        ('space={pruning={per="galaxy"}}', "'space.pruning.per' must be"),
        ("space={}", "no compression technique is on"),
        ("seed", "--set takes KEY=VALUE"),
    ],
)
def test_a_mistake_in_a_study_is_answered_in_a_line(
    study: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    message: str,
) -> None:
    code, said = answer(capsys, monkeypatch, "check", study, "--set", change)
    assert code == 2
    assert message in said
    assert "Traceback" not in said
    assert len(said) < 600


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nowhere.toml"), "there is no study file nowhere.toml"),
        (("front", "nowhere"), "there is no run nowhere"),
        (("front", "."), "is not a run"),
        (("export", "nowhere", "--to", "out"), "there is no run nowhere"),
        (("report", "nowhere"), "there is no run nowhere"),
        (("dashboard", "nowhere"), "there is no run nowhere"),
        (("inspect", "resnet18", "--input", "3x224"), "--input takes CxHxW"),
        (("inspect", "resnet18", "--input", "0x8x8"), "--input takes CxHxW"),
        (("inspect", "resnet81", "--input", "3x32x32"), "resnet81"),
        (("frobnicate",), "frobnicate"),
        (("run",), "STUDY"),
        (("run", "quickstart", "--trials", "many"), "--trials"),
    ],
)
def test_a_mistake_on_the_command_line_is_answered_in_a_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = answer(capsys, monkeypatch, *arguments)
    assert code == 2
    assert message in said
    assert "Traceback" not in said


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x80", b"trials = ", b"PK\x03\x04 zip"])
def test_a_file_that_is_no_study_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    code, said = answer(capsys, monkeypatch, "check", path)
    assert code == 2
    assert "broken.toml" in said


def test_a_folder_that_cannot_be_written_is_named(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = answer(capsys, monkeypatch, "run", study, "--to", study / "inside")
    assert code == 2
    assert "cannot be written" in said
    assert "--to" in said
