"""Runtimes that a study names: which it may, and that they serve, measure and verify."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.studies.command_line import run_card, tightfit, tiny_study
from tightfit import Outcome, SpecError
from tightfit.objectives.meter.agent import RUNTIMES as MEASURED
from tightfit.objectives.meter.agent import silence_openvino
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.studies.checking import check_study
from tightfit.studies.export_folder import open_export, read_report, seal
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.serving import Serving, serving
from tightfit.studies.spec import StudySpec
from tightfit.studies.spec_device import DeviceTable
from tightfit.studies.study_file import read_study

SHORT = (
    "references={uniform=0, single_techniques=false, from_scratch=false}",
    "device.runtime=openvino",
    'space.quantization.bits=["none", 8]',
)


def served(
    runtime: str,
    *,
    bits: Sequence[object] = ("none", 8),
    named: Sequence[str] = (),
    profile: str = "cpu",
    integer_only: bool = False,
    batch: int = 1,
    connect: str = "local",
) -> Serving:
    space = {"quantization": {"bits": bits, "integer_only": integer_only}}
    device = {"runtime": runtime, "profile": profile, "batch": batch, "connect": connect}
    spec = {"model": {"name": "own:make_net"}, "space": space, "device": device}
    return serving(StudySpec.model_validate(spec), named)


def test_what_a_study_may_name_is_what_serves_and_what_measures() -> None:
    names = set(DeviceTable.model_json_schema()["properties"]["runtime"]["enum"])
    assert names == set(RUNTIMES) == set(MEASURED)


def test_several_pictures_at_once_are_refused_for_files_of_one() -> None:
    with pytest.raises(SpecError, match=r"litert take one picture .* 4; write 'batch = 1'"):
        served("litert", bits=[8], integer_only=True, batch=4)


def test_a_runtime_that_is_not_installed_is_told_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(SpecError, match=r"pip install 'tightfit\[openvino\]'"):
        served("openvino")
    with pytest.raises(SpecError, match=r"pip install 'tightfit\[openvino\]'"):
        served("onnxruntime", named=["latency_ms.openvino"])


def test_bits_that_a_runtime_does_not_read_are_refused_with_what_to_write() -> None:
    words = r"openvino reads no weights of 2 bits, .* write 'bits = \[\"none\", 8, 4\]'"
    with pytest.raises(SpecError, match=words):
        served("openvino", bits=("none", 8, 4, 2))
    with pytest.raises(SpecError, match=words):
        served("onnxruntime", bits=("none", 8, 4, 2), named=["latency_ms.openvino"])


def test_the_chosen_runtimes_latency_has_one_name() -> None:
    with pytest.raises(SpecError, match=r"'latency_ms\.onnxruntime' is 'latency_ms' in a study"):
        served("onnxruntime", named=["latency_ms.onnxruntime"])
    assert served("onnxruntime").beside == {}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that OpenVINO serves, with a limit on onnxruntime's latency beside it."""
    silence_openvino()
    pytest.importorskip("openvino")
    folder = tmp_path_factory.mktemp("openvino")
    limits = 'constraints=["latency_ms.onnxruntime <= 20 * baseline", "accuracy >= 0.1"]'
    options = [word for each in (*SHORT, limits) for word in ("--set", each)]
    study = tiny_study(folder)
    assert tightfit("run", study, "--to", folder / "run", "--trials", 2, *options) == 0
    assert tightfit("export", folder / "run", "--pick", "knee", "--to", folder / "export") == 0
    return folder


@pytest.mark.slow
def test_the_chosen_runtime_measures_and_another_stands_beside_it(run: Path) -> None:
    report = json.loads((run / "export" / "report.json").read_text())
    assert report["runtime"] == "openvino"
    assert report["measured_on"]["runtime"].startswith("openvino 20")
    assert report["verified"]["runtime"].startswith("openvino 20")
    for metrics in (report["metrics"], report["baseline"]["metrics"]):
        for name in ("latency_ms", "latency_ms.onnxruntime"):
            assert metrics[name]["kind"] == "measured"
            assert metrics[name]["value"] > 0
        assert "latency_ms.openvino" not in metrics
    found = {claim["name"]: claim["found"] for claim in report["verified"]["claims"]}
    assert found["latency / baseline in onnxruntime"]["value"] > 0


@pytest.mark.slow
def test_a_proof_loads_the_runtime_and_nothing_that_trains(run: Path) -> None:
    report = json.loads((run / "export" / "report.json").read_text())
    modules = set(report["verified"]["modules"])
    assert "openvino" in modules
    assert modules.isdisjoint({"torch", "openvino_telemetry", "safetensors"})


@pytest.mark.slow
def test_a_claim_of_the_runtime_beside_that_does_not_hold_is_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(run / "export", edited)
    report = read_report(edited)
    for end in ("value", "low", "high"):
        report["metrics"]["latency_ms.onnxruntime"][end] /= 8
    seal(edited, report)
    capsys.readouterr()
    assert tightfit("verify", edited, "--json") == 1
    claims = json.loads(capsys.readouterr().out)["claims"]
    broken = [claim["name"] for claim in claims if claim["verdict"] == "does not hold"]
    assert broken == ["latency / baseline in onnxruntime"]


@pytest.mark.slow
def test_the_lines_of_the_model_card_run_in_the_runtime(run: Path) -> None:
    assert len(run_card(run / "export")) == 8


@pytest.mark.slow
def test_an_export_for_a_runtime_that_is_not_known_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "export", tmp_path / "newer")
    seal(tmp_path / "newer", {**read_report(tmp_path / "newer"), "runtime": "abacus"})
    with pytest.raises(SpecError, match=r"exported for the runtime 'abacus'.*: upgrade it"):
        assert not open_export(tmp_path / "newer").runtime


@pytest.mark.parametrize("runtime", ["litert", "tflite-micro"])
def test_a_runtime_of_integers_refuses_floats_with_what_to_write(runtime: str) -> None:
    pytest.importorskip("tflite_micro")
    words = r"integers alone, and networks .* write 'integer_only = true' in \[space\.quantiz"
    with pytest.raises(SpecError, match=words):
        served(runtime, profile="microcontroller")
    assert served(runtime, profile="microcontroller", integer_only=True).chosen.suffix == ".tflite"


@pytest.mark.parametrize(
    "metric",
    ["latency_ms", "latency_ms.onnxruntime", "latency_p99_ms", "load_ms", "peak_kb"],
)
def test_times_of_a_microcontroller_are_not_measured_here(metric: str) -> None:
    words = rf"'{metric}' cannot be measured with device\.runtime = 'tflite-micro': .*limit 'macs'"
    with pytest.raises(SpecError, match=words):
        served("tflite-micro", named=[metric], integer_only=True)


def test_a_microcontrollers_runtime_needs_a_profile_with_an_arena() -> None:
    with pytest.raises(SpecError, match="profile 'cpu' has none; write 'profile = \"microcontr"):
        served("tflite-micro", integer_only=True)


def test_a_microcontrollers_runtime_measures_nothing_on_another_device() -> None:
    with pytest.raises(SpecError, match=r"arena is found here, .* 'ssh:pi'; leave that out"):
        served("tflite-micro", integer_only=True, connect="ssh:pi")


INTEGERS = (
    "references={uniform=0, single_techniques=false, from_scratch=false}",
    "space.quantization.integer_only=true",
)


def test_a_check_compares_with_the_baseline_that_is_served(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    study = tiny_study(tmp_path)
    floats, codes = (
        check_study(read_study(study, [*INTEGERS, f"device.runtime={runtime}"])).baseline
        for runtime in ("onnxruntime", "litert")
    )
    assert codes["params"] == floats["params"]
    assert codes["ram_kb"].value < 0.3 * floats["ram_kb"].value


def integers(folder: Path, *settings: str) -> Path:
    """Return a folder with a run of files of integers, and the export of its best member."""
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("tflite_micro")
    options = [word for each in (*INTEGERS, *settings) for word in ("--set", each)]
    study = tiny_study(folder)
    assert tightfit("run", study, "--to", folder / "run", "--trials", 1, *options) == 0
    assert tightfit("export", folder / "run", "--pick", "accuracy", "--to", folder / "export") == 0
    return folder / "export"


@pytest.mark.slow
def test_a_study_for_phones_searches_for_tflite_files(tmp_path: Path) -> None:
    """Size, latency and accuracy are those of the file that is exported, beside one of 8 bits."""
    limits = 'constraints=["latency_ms <= 3 * baseline", "accuracy >= 0.1"]'
    small = 'references.small_nets=["own:make_net"]'
    export = integers(
        tmp_path, "device.runtime=litert", limits, small, "references.small_net_epochs=1"
    )
    report = json.loads((export / "report.json").read_text())
    size = (export / "model.tflite").stat().st_size / 1000
    assert report["metrics"]["size_kb"]["value"] == size
    assert report["metrics"]["latency_ms"]["kind"] == "measured"
    assert report["measured_on"]["runtime"].startswith("litert ")
    assert report["baseline"]["metrics"]["size_kb"]["value"] > size
    assert (export / "proof" / "baseline.tflite").is_file()
    assert not (export / "model.onnx").exists()
    assert "torch" not in report["verified"]["modules"]
    assert len(run_card(export)) == 8
    (reference,) = RunFolder(tmp_path / "run").results().references
    assert reference.outcome is Outcome.EVALUATED


@pytest.mark.slow
def test_a_study_for_microcontrollers_measures_the_arena(tmp_path: Path) -> None:
    """It replaces the computed one; the export has the header, and no time."""
    limits = 'constraints=["ram_kb <= 1.1 * baseline", "accuracy >= 0.1"]'
    profile = "device.profile=microcontroller"
    export = integers(tmp_path, "device.runtime=tflite-micro", profile, limits)
    report = json.loads((export / "report.json").read_text())
    for metrics in (report["metrics"], report["baseline"]["metrics"]):
        assert metrics["ram_kb"]["kind"] == "measured"
        assert "latency_ms" not in metrics
    arena = round(1000 * report["metrics"]["ram_kb"]["value"])
    assert f"kTightfitArenaBytes = {arena};" in (export / "model.h").read_text()
    claims = {claim["name"]: claim["verdict"] for claim in report["verified"]["claims"]}
    assert claims["arena"] == "holds"
    assert len(run_card(export)) == 8
