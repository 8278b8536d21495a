"""``tightfit diff``: two files as the runtime runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.studies.command_line import tightfit
from tests.studies.tiny.own import make_net
from tightfit.objectives.file_readings import write_network
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings
from tightfit.studies.commands.terminal import console

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The tiny network in float, and with weights of 4 bits in a folder like an export's."""
    folder = tmp_path_factory.mktemp("files")
    settings = SpaceSettings(quantization=QuantizationSettings("network", (None, 4)))
    space = CompressionSpace(make_net(), torch.zeros(1, 1, 16, 16), settings=settings)
    network = space.build(space.search_space.from_choices({"network.bits": 4}))
    network.calibrate([torch.randn(8, 1, 16, 16)])
    exported = folder / "export"
    exported.mkdir()
    write_network(network, exported / "model.onnx", metadata={}, profile=CPU)
    write_network(space.baseline_network(), folder / "baseline.onnx", metadata={}, profile=CPU)
    return folder / "baseline.onnx", exported


def message(capsys: Capture, *arguments: object) -> str:
    assert tightfit("diff", *arguments) == 2
    captured = capsys.readouterr()
    assert not captured.out
    return " ".join(captured.err.split())


def test_a_file_and_an_exported_folder_stand_side_by_side(
    files: tuple[Path, Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "width", 200)
    assert tightfit("diff", *files) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Compared with {files[0]}, {files[1]} takes " in shown
    assert " of the time: " in shown
    assert "QLinearConv" in shown
    assert "8×8 (4)" in shown
    assert "instructions in float" in shown
    assert "compare shares" in shown


def test_everything_is_one_json_document(files: tuple[Path, Path], capsys: Capture) -> None:
    assert tightfit("diff", *files, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    baseline, exported = found["files"]
    assert found["latency_ratio"]["value"] > 0
    assert baseline["profiled_runs"] > 1
    assert baseline["inputs"] == [{"type": "float32", "shape": [1, 1, 16, 16]}]
    assert {each["finding"] for each in baseline["findings"]} >= {"in float"}
    pairs = [row for row in found["rows"] if row["a"] and row["b"]]
    (stem,) = (row for row in pairs if (row["a"]["layer"], row["a"]["part"]) == ("stem", "layer"))
    assert stem["a"]["weight_bits"] == 32
    assert (stem["b"]["weight_bits"], stem["b"]["stored_weight_bits"]) == (8, 4)
    for side, file in (("a", baseline), ("b", exported)):
        some = [row[side] for row in found["rows"] if row[side]]
        assert sum(each["share"] for each in some) == pytest.approx(1.0)
        assert sum(each["us"] for each in some) == pytest.approx(file["profiled_us"])


def test_a_file_that_is_not_there_is_named(files: tuple[Path, Path], capsys: Capture) -> None:
    gone = files[0].parent / "gone.onnx"
    assert f"there is no file {gone}" in message(capsys, files[0], gone)


def test_a_folder_without_a_network_is_named(
    files: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    assert f"the folder {tmp_path} has no model.onnx" in message(capsys, tmp_path, files[0])


def test_a_foreign_file_is_named(files: tuple[Path, Path], tmp_path: Path, capsys: Capture) -> None:
    foreign = tmp_path / "model.tflite"
    foreign.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(64))
    assert "could not load" in (found := message(capsys, files[0], foreign))
    assert "model.tflite" in found


def test_files_with_other_inputs_are_refused(
    files: tuple[Path, Path], tmp_path: Path, capsys: Capture
) -> None:
    settings = SpaceSettings(quantization=QuantizationSettings("network", (None, 8)))
    colour = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 14 * 14, 3))
    space = CompressionSpace(colour, torch.zeros(1, 3, 16, 16), settings=settings)
    write_network(space.baseline_network(), tmp_path / "colour.onnx", metadata={}, profile=CPU)
    found = message(capsys, files[0], tmp_path / "colour.onnx")
    assert "reads float32 [1, 1, 16, 16], the second one float32 [1, 3, 16, 16]" in found
