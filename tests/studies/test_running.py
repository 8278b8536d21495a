"""A whole study of a tiny network of the tests' own, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
import pytest
import torch

from tests.studies.command_line import run_card, start, tightfit, tiny_study
from tests.studies.tiny import seg
from tests.studies.tiny.own import make_data, make_net
from tightfit import SpecError
from tightfit.search import pareto_front
from tightfit.studies import compress, load
from tightfit.studies.cli import main
from tightfit.studies.run_folder import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def run(study: Path) -> Path:
    folder = study.parent / "runs" / "tiny"
    assert tightfit("run", study, "--to", folder) == 0
    return folder


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    assert tightfit("export", run, "--pick", "size_kb", "--to", run.parent / "export") == 0
    return run.parent / "export"


def test_a_run_trains_its_trials_and_leaves_a_report(run: Path) -> None:
    results = RunFolder(run).results()
    assert sum(record.trained for record in results.records) == 4
    assert results.finished
    assert {record.origin for record in results.references} == {
        "best shape from scratch",
        "own:make_net, 8 bits",
    }
    assert "<html" in (run / "report.html").read_text("utf-8")[:200]
    onnxruntime.InferenceSession(run / "baseline" / "model.onnx")


def test_the_report_says_which_instructions_baseline_and_pick_run(run: Path) -> None:
    page = (run / "report.html").read_text("utf-8")
    section = page[page.index("Why is it not faster?") : page.index("Where the numbers come from")]
    assert "the baseline" in section
    assert "behind" in section
    assert "Conv" in section
    assert "Not measured" not in section


def test_only_files_of_the_front_are_kept(run: Path) -> None:
    results = RunFolder(run).results()
    kept = {folder.name for folder in (run / "candidates").iterdir()}
    assert kept
    assert kept <= {record.candidate.key for record in results.records if record.feasible}


def test_a_finished_run_is_shown_at_once(
    study: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "journal.log").read_bytes()
    assert tightfit("run", study, "--to", run) == 0
    shown = capsys.readouterr().out
    assert "baseline" in shown
    assert "tightfit export" in shown
    assert (run / "journal.log").read_bytes() == before


def test_a_question_leaves_a_finished_run_finished(study: Path, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    assert tightfit("decide", study, "--to", copy, "--trials", 9) == 0
    assert RunFolder(copy).results().finished
    before = (copy / "journal.log").read_bytes()
    assert tightfit("run", study, "--to", copy) == 0
    assert (copy / "journal.log").read_bytes() == before


def test_the_next_commands_run_as_they_are_printed(
    study: Path, run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [".venv/bin/tightfit", "run", str(study), "--to", str(run)])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert f"  .venv/bin/tightfit export {run} --pick knee" in capsys.readouterr().out


def test_more_trials_go_on_where_the_run_stopped(study: Path, run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    first = RunFolder(copy).results().records
    assert tightfit("run", study, "--to", copy, "--trials", 5) == 0
    records = RunFolder(copy).results().records
    assert records[: len(first)] == first
    assert sum(record.trained for record in records) == 5


def test_what_was_removed_of_a_finished_run_is_made_anew(
    study: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    before = folder.results()
    folder.binding.write_text('{"version": 2, "gai')
    capsys.readouterr()
    assert tightfit("front", folder.path) == 2
    assert "binding.json cannot be read" in " ".join(capsys.readouterr().err.split())
    folder.binding.unlink()
    shutil.rmtree(folder.baseline)
    assert tightfit("run", study, "--to", folder.path) == 0
    found = folder.results()
    assert folder.binding.is_file()
    assert found.records == before.records


def test_a_run_within_a_time_says_that_it_is_over(
    study: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    before = RunFolder(copy).results()
    again = ("run", study, "--to", copy, "--trials", 9, "--within", "0.1s")
    assert tightfit(*again) == 0
    assert "The search stopped early: its 0.1 seconds are over" in capsys.readouterr().err
    results = RunFolder(copy).results()
    assert results.finished
    assert results.records == before.records
    assert "4 trials trained: its 0.1 seconds are over" in (copy / "report.html").read_text("utf-8")
    assert tightfit("front", copy, "--json") == 0
    assert json.loads(capsys.readouterr().out)["ending"] == {
        "why": "time",
        "message": "its 0.1 seconds are over",
    }
    journal = (copy / "journal.log").read_bytes()
    assert tightfit(*again) == 0
    assert "The search stopped early: its 0.1 seconds are over" in capsys.readouterr().err
    assert (copy / "journal.log").read_bytes() == journal


def test_the_front_is_one_json_document(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tightfit("front", run, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["finished"]
    assert len(found["networks"]) > 2


def test_an_exported_file_gives_what_its_report_claims(exported: Path) -> None:
    report = json.loads((exported / "report.json").read_text())
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    inputs, targets = make_data()[2]
    mean, std = (np.array(report["input"][key], np.float32) for key in ("mean", "std"))
    normalized = (inputs.numpy() - mean[:, None, None]) / std[:, None, None]
    outputs = session.run(None, {session.get_inputs()[0].name: normalized.astype(np.float32)})[0]
    accuracy = float((outputs.argmax(1) == targets.numpy()).mean())
    assert report["input"]["shape"] == ["N", 1, 16, 16]
    assert report["test_accuracy"]["value"] == pytest.approx(accuracy)
    assert report["test_accuracy"]["n"] == 90
    assert report["metrics"]["size_kb"]["value"] == (exported / "model.onnx").stat().st_size / 1000
    assert report["metrics"]["size_kb"]["kind"] == "counted"
    assert {"baseline", "candidate", "versions", "seed"} <= report.keys()


def test_a_file_says_what_it_was_made_from_and_how_to_feed_it(run: Path, exported: Path) -> None:
    report = json.loads((exported / "report.json").read_text())
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    said = session.get_modelmeta().custom_metadata_map
    assert said["baseline"] == report["fingerprint"]
    assert said["tightfit"] == report["versions"]["tightfit"]
    assert [float(value) for value in said["mean"].split()] == pytest.approx(
        report["input"]["mean"]
    )
    assert [float(value) for value in said["std"].split()] == pytest.approx(report["input"]["std"])
    keys = {record.candidate.key for record in RunFolder(run).results().records}
    assert said["candidate"] in keys
    baseline = onnxruntime.InferenceSession(exported / "proof" / "baseline.onnx")
    beside = baseline.get_modelmeta().custom_metadata_map
    assert beside["candidate"] == "baseline"
    assert all(beside[key] == said[key] for key in ("tightfit", "mean", "std"))


def test_a_loaded_export_computes_what_its_file_computes(exported: Path) -> None:
    network = load(exported, model=make_net)
    inputs = torch.randn(5, 1, 16, 16)
    session = onnxruntime.InferenceSession(exported / "model.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})[0]
    with torch.no_grad():
        found = network(inputs)
    assert torch.allclose(found, torch.from_numpy(outputs), atol=0.05)
    assert (found.argmax(1).numpy() == outputs.argmax(1)).all()


def test_the_front_is_measured_on_the_test_split_once_behind_the_search(
    run: Path, exported: Path, tmp_path: Path
) -> None:
    report = json.loads((exported / "report.json").read_text())
    results = RunFolder(run).results()
    front = pareto_front(results.records, results.objectives).members
    kept = (run / "test_split.json").read_bytes()
    keys = {record.candidate.key for record in front}
    assert set(json.loads(kept)["files"]) == {"baseline", *keys}
    assert "is the shrinkage from selection" in (run / "report.html").read_text("utf-8")
    assert "On the test split" in (run / "report.html").read_text("utf-8")
    assert tightfit("export", run, "--pick", report["trial"], "--to", tmp_path / "again") == 0
    assert (run / "test_split.json").read_bytes() == kept
    again = json.loads((tmp_path / "again" / "report.json").read_text())
    assert again["test_accuracy"] == report["test_accuracy"]


def test_an_export_of_ones_own_model_asks_for_it(exported: Path) -> None:
    with pytest.raises(SpecError, match=r"your own code; pass it: load\(folder, model=factory\)"):
        load(exported)


def test_a_damaged_export_is_named(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"is not an export, or not a whole one"):
        load(tmp_path)
    shutil.copytree(exported, tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(SpecError, match="is cut off: 100 of"):
        load(tmp_path / "broken", model=make_net)


def test_a_run_of_another_study_is_refused(
    study: Path, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tightfit("run", study, "--to", run, "--set", "seed=1") == 2
    assert "belongs to another study (seed: 0 in the run, 1 in the study)" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_run_begun_with_other_code_is_refused(
    study: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    for file in study.parent.glob("*.*"):
        if file.is_file():
            shutil.copy(file, tmp_path)
    own = tmp_path / "own.py"
    own.write_text(own.read_text() + "\n# another thought\n")
    arguments = ("run", tmp_path / study.name, "--to", tmp_path / "run", "--trials", 5)
    assert tightfit(*arguments) == 2
    assert "was begun with other weights, data, code of yours" in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_run_without_anything_feasible_ends_with_1_and_says_what_is_near(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = 'constraints=["accuracy >= 0.9", "size_kb <= 5"]'
    options = ("--set", limits, "--trials", 1, "--set", "space.schedule.learning_rates=[50]")
    assert tightfit("run", study, "--to", tmp_path / "run", *options) == 1
    assert tightfit("front", tmp_path / "run") == 1
    assert tightfit("export", tmp_path / "run", "--to", tmp_path / "out") == 1
    assert "nothing feasible to export" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_ones_own_score_replaces_accuracy_everywhere(study: Path, tmp_path: Path) -> None:
    options = (
        "--set", 'quality={score="own:error_rate", name="error", direction="minimize"}',
        "--set", 'constraints=["error <= 0.6"]', "--set", 'objectives=["error", "size_kb"]',
        "--trials", 1, "--set", "references.small_nets=[]",
    )  # fmt: skip
    assert tightfit("run", study, "--to", tmp_path / "run", *options) == 0
    results = RunFolder(tmp_path / "run").results()
    assert "accuracy" not in results.metrics
    assert all("error" in record.measurement for record in results.records if record.trained)


def test_a_segmentation_network_runs_end_to_end_with_mean_iou(
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "run"
    options = {
        "model.name": "seg:make_net",
        "data.name": "seg:make_data",
        "training.loss": "seg:pixel_loss",
        "quality": '{score="seg:mean_iou", name="mean_iou", direction="maximize"}',
        "constraints": '["size_kb <= 0.5 * baseline", "mean_iou >= 0.6"]',
        "objectives": '["mean_iou", "size_kb"]',
        "references.small_nets": '["seg:make_net"]',
    }
    settings = [part for key, value in options.items() for part in ("--set", f"{key}={value}")]
    assert tightfit("run", study, "--to", folder, *settings) == 0
    results = RunFolder(folder).results()
    assert results.baseline.value("mean_iou") > 0.8
    assert tightfit("export", folder, "--pick", "mean_iou", "--to", tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    inputs, targets = seg.make_data()[2]
    mean, std = (torch.tensor(report["input"][key])[:, None, None] for key in ("mean", "std"))
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    name = session.get_inputs()[0].name
    outputs = session.run(None, {name: ((inputs - mean) / std).numpy()})[0]
    found = seg.mean_iou(torch.from_numpy(outputs), targets)[0]
    assert report["test_mean_iou"]["value"] == pytest.approx(found, abs=1e-6)
    assert found > 0.6
    _check_own_score(tmp_path / "out", study.parent, capsys, monkeypatch)


def _check_own_score(
    out: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code is never taken from an export: a score of one's own is checked where it is named."""
    monkeypatch.chdir(home)
    capsys.readouterr()
    for options, verdict in (((), "not checked"), (("--score", "seg:mean_iou"), "holds")):
        assert tightfit("verify", out, "--json", *options) == 0
        claims = json.loads(capsys.readouterr().out)["claims"]
        assert {c["name"].split(" on ")[0]: c["verdict"] for c in claims}["mean iou"] == verdict


def export_with(run: Path, to: Path, *, hparam: str, choice: float) -> None:
    """Export the first member of a front that has a choice; there must be one."""
    results = RunFolder(run).results()
    members = [
        record
        for record in pareto_front(results.records, results.objectives).members
        if results.space.choices(record.candidate)[hparam] == choice
    ]
    assert members
    trial = results.records.index(members[0])
    assert tightfit("export", run, "--pick", trial, "--to", to) == 0


def test_the_input_size_is_searched_and_the_file_declares_the_one_it_wants(
    study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    options = (
        "--set", "space.input_size={shares=[0.5]}",
        # Pruning alone keeps more than half of the multiply-accumulates.
        "--set", 'space.pruning={per="network", ratios=[0.0, 0.25]}',
        "--set", 'constraints=["macs <= 0.4 * baseline", "accuracy >= 0.4"]',
        "--set", 'space.quantization={per="network", bits=[8]}',
        "--set", 'objectives=["accuracy", "macs"]',
        "--set", "references.small_nets=[]",
    )  # fmt: skip
    assert tightfit("run", study, "--to", folder, *options) == 0
    export_with(folder, tmp_path / "out", hparam="input.size", choice=0.5)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["input"]["shape"] == ["N", 1, 8, 8]
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    assert session.get_inputs()[0].shape[1:] == [1, 8, 8]
    assert load(tmp_path / "out", model=make_net)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    assert len(run_card(tmp_path / "out")) == 8


def test_a_dropped_block_is_not_in_the_file_and_a_loaded_network_goes_without_it(
    study: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    options = (
        "--set", "space.depth={}",
        "--set", 'constraints=["macs <= 0.7 * baseline", "accuracy >= 0.4"]',
        "--set", 'space.pruning={per="network", ratios=[0.0, 0.25]}',
        "--set", 'objectives=["accuracy", "macs"]',
        "--set", "references.small_nets=[]",
    )  # fmt: skip
    assert tightfit("run", study, "--to", folder, *options) == 0
    export_with(folder, tmp_path / "out", hparam="inner.depth", choice=0)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    network = load(tmp_path / "out", model=make_net)
    assert not any(name.startswith("inner") for name in network.state_dict())
    inputs = torch.randn(4, 1, 16, 16)
    found = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})[0]
    with torch.no_grad():
        assert np.allclose(found, network(inputs).numpy(), atol=1e-3)


@pytest.mark.parametrize("seconds", [0.2, 1.5, 4.0])
def test_a_killed_run_loses_nothing_and_goes_on(
    study: Path, tmp_path: Path, seconds: float
) -> None:
    folder = tmp_path / "run"
    process = start("run", study, "--to", folder)
    _wait_for(folder / "worker.log")
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    before = RunFolder(folder).results().records
    assert tightfit("run", study, "--to", folder) == 0
    records = RunFolder(folder).results().records
    assert records[: len(before)] == before
    assert sum(record.trained for record in records) == 4
    assert not [path for path in folder.rglob(".*.onnx.*") if path.is_file()]


def _wait_for(path: Path, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def test_ctrl_c_stops_in_seconds_and_says_how_to_go_on(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start("run", study, "--to", folder, "--trials", 500)
    _wait_for(folder / "worker.log")
    while not RunFolder(folder).results().records:
        time.sleep(0.1)
    workers = psutil.Process(process.pid).children(recursive=True)
    asked = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert time.monotonic() - asked < 10
    assert process.returncode == 130
    assert f"tightfit run {study} --to {folder} --trials 500" in " ".join(said.split())
    assert workers
    assert not [worker for worker in workers if worker.is_running()]


def test_a_full_disk_is_named_and_the_run_goes_on_when_there_is_room(
    study: Path,
    mount_disk: Callable[[int], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = mount_disk(20)
    assert tightfit("run", study, "--to", disk / "run", "--trials", 1) == 0
    before = RunFolder(disk / "run").results().records
    free = shutil.disk_usage(disk).free
    (disk / "other").write_bytes(b"x" * (free - 8192))
    capsys.readouterr()
    assert tightfit("run", study, "--to", disk / "run", "--trials", 3) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "No space left on device" in said
    assert str(disk / "run") in said
    records = RunFolder(disk / "run").results().records
    assert records[: len(before)] == before
    (disk / "other").unlink()
    assert tightfit("run", study, "--to", disk / "run", "--trials", 3) == 0
    records = RunFolder(disk / "run").results().records
    assert sum(record.trained for record in records) == 3
    assert not [record for record in records if "space" in record.reason]


def test_compress_searches_live_objects(tmp_path: Path) -> None:
    train, validation, test = make_data()
    model = make_net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = compress(
        model, train, validation, test,
        constraints=["size_kb <= 0.6 * baseline"], trials=2, folder=tmp_path / "run",
        space={"pruning": {"align": 4}, "quantization": {"bits": [8]},
               "schedule": {"epochs": [1]}},
        training={"batch_size": 32, "threads": 1},
        references={"single_techniques": False, "uniform": 1},
    )  # fmt: skip
    assert len(result.front) >= 1
    assert "size_kb" in " ".join(map(str, result.front.to_pandas().columns))
    assert result.front.plot().data
    exported = result.export("knee", tmp_path / "out")
    assert exported.report["test_accuracy"]["n"] == 90
    assert (tmp_path / "out" / "model.onnx").is_file()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_without_a_test_split_the_report_says_not_measured(tmp_path: Path) -> None:
    train, validation, _test = make_data()
    result = compress(
        make_net(), train, validation,
        constraints=["size_kb <= 0.6 * baseline"], trials=1, folder=tmp_path / "run",
        space={"quantization": {"per": "network", "bits": [8]}, "schedule": {"epochs": [1]}},
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1},
    )  # fmt: skip
    assert result.export("knee", tmp_path / "out").report["test_accuracy"] == "not measured"
