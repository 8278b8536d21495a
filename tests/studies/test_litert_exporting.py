"""A study of integers alone, through the command line, to the files of a microcontroller."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.tiny.own import make_data, make_net
from tightfit import MeasurementError, Reading, SpecError
from tightfit.objectives.runtimes import predict
from tightfit.objectives.runtimes.litert import LiteRt
from tightfit.studies import litert_exporting, load
from tightfit.studies.assembly import assemble
from tightfit.studies.litert_exporting import check_litert
from tightfit.studies.study_file import read_study

pytest.importorskip("ai_edge_litert")
pytest.importorskip("tflite_micro")
pytestmark = pytest.mark.slow

SHORT = (
    "space.quantization.integer_only=true",
    "references.uniform=0",
    "references.small_nets=[]",
    "references.from_scratch=false",
    "references.single_techniques=false",
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("integers")
    study, run, to = tiny_study(folder), folder / "run", folder / "export"
    options = [each for text in SHORT for each in ("--set", text)]
    assert tightfit("run", study, "--to", run, "--trials", 2, *options) == 0
    assert tightfit("export", run, "--pick", "accuracy", "--to", to, "--format", "litert") == 0
    return to


def test_an_export_holds_the_files_of_devices_and_what_was_measured_on_them(exported: Path) -> None:
    found = json.loads((exported / "report.json").read_text())["litert"]
    assert found["size_kb"] == (exported / "model.tflite").stat().st_size / 1000
    assert found["ram_kb"]["kind"] == "measured"
    assert "FULLY_CONNECTED" in found["operators"]
    arena = round(found["ram_kb"]["value"] * 1000)
    assert f"kTightfitArenaBytes = {arena};" in (exported / "model.h").read_text()


def test_a_loaded_export_decides_as_its_tflite_file_does(exported: Path) -> None:
    pictures = make_data()[2][0]
    report = json.loads((exported / "report.json").read_text())
    mean, std = (torch.tensor(report["input"][key]) for key in ("mean", "std"))
    inputs = (pictures - mean[:, None, None]) / std[:, None, None]
    network = load(exported, model=make_net)
    with torch.no_grad():
        wanted = network(inputs).numpy()
    found = predict(LiteRt().open(exported / "model.tflite"), inputs.numpy())
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.98
    step = np.diff(np.unique(found)).min()
    assert (abs(found - wanted) < 1.01 * step).mean() > 0.97


def test_a_file_that_no_microcontroller_runs_leaves_nothing_of_it(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(_path: Path) -> Reading:
        raise MeasurementError("tflite-micro lacks the operator 'SIN'")

    monkeypatch.setattr(litert_exporting, "arena_kb", lacking)
    to = tmp_path / "out"
    code = tightfit(
        "export", exported.parent / "run", "--pick", "accuracy", "--to", to, "--format", "litert"
    )
    assert code == 2
    assert (to / "model.onnx").is_file()
    assert not [each for each in to.iterdir() if "tflite" in each.name or "litert" in each.name]
    assert "litert" not in json.loads((to / "report.json").read_text())


def test_a_study_with_floats_is_told_what_to_write(tmp_path: Path) -> None:
    assembly = assemble(read_study(tiny_study(tmp_path), ()))
    with pytest.raises(SpecError, match=r"'integer_only = true' in \[space\.quantization\]"):
        check_litert(assembly)
