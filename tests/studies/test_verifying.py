"""An export is verified: claimed and found, by a process that has no torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests.studies.command_line import TINY, run_card, tightfit
from tests.studies.tiny.own import make_data, make_net
from tightfit.studies import compress, load
from tightfit.studies.compressing import Result
from tightfit.studies.export_folder import seal
from tightfit.studies.exporting import Exported
from tightfit.studies.run_folder import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """A net that tells nearly all bars apart."""
    torch.manual_seed(0)
    net, (inputs, targets) = make_net(), make_data()[0]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for step in range(60):
        rows = slice(40 * (step % 6), 40 * (step % 6) + 40)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(inputs[rows]), targets[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def result(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Result:
    train, validation, test = make_data()
    return compress(
        network, train, validation, test,
        constraints=["size_kb <= 0.6 * baseline", "agreement >= 0.2"], trials=1,
        folder=tmp_path_factory.mktemp("runs") / "run",
        space={"quantization": {"per": "network", "bits": [8]}, "schedule": {"epochs": [1]}},
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1, "batch_size": 32},
        quality={"metrics": ["accuracy_shifted"], "shifts": {"noise": 0.02}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def exported(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return result.export("knee", tmp_path_factory.mktemp("exports") / "out")


def verified(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    capsys.readouterr()
    assert tightfit("verify", *arguments, "--json") == code
    return json.loads(capsys.readouterr().out)


def verdicts(found: Any) -> dict[str, str]:
    return {claim["name"]: claim["verdict"] for claim in found["claims"]}


def claiming(folder: Path, to: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """Copy an export whose report claims something else, sealed as if it had always done so."""
    shutil.copytree(folder, to)
    report = json.loads((to / "report.json").read_text())
    edit(report)
    seal(to, {k: v for k, v in report.items() if k not in ("schema", "digest", "files")})
    return to


def test_an_export_says_what_a_fresh_process_found(exported: Exported) -> None:
    report = exported.report
    found = report["verified"]
    size = (exported.folder / "model.onnx").stat().st_size / 1000
    assert {claim["name"]: claim["found"]["value"] for claim in found["claims"]}["size"] == size
    assert set(verdicts(found)) == {
        "size",
        "latency / baseline",
        "memory",
        "accuracy on the test split",
        "accuracy beside the baseline",
    }
    for claim in found["claims"]:
        interval = claim["found"]
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert set(found["conditions"]) <= {"clock_mhz", "temperature_c"}
    assert report["limits"][0]["bound"] == pytest.approx(
        0.6 * report["baseline"]["metrics"]["size_kb"]["value"]
    )
    assert report["difference"]["both"] + report["difference"]["lost"] == round(
        90 * report["baseline"]["test_accuracy"]["value"]
    )


def test_the_process_that_finds_has_no_training_code(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    found = verified(capsys, exported.folder)
    assert set(found["modules"]) <= {"numpy", "onnxruntime", "tightfit"} | set(sys.modules) - {
        "torch",
        "torchvision",
        "optuna",
        "safetensors",
    }
    assert {"numpy", "onnxruntime", "tightfit"} <= set(found["modules"])
    code = "import sys, tightfit.objectives.proof.__main__; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_holds_when_it_is_exported_holds_again(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert tightfit("verify", exported.folder) == 0
    shown = capsys.readouterr().out
    assert "claimed" in shown
    assert "All 5 claims that could be checked hold." in shown
    assert "size ≤" in shown


def _claim_accuracy(report: dict[str, Any]) -> None:
    report["test_accuracy"] |= {"value": report["test_accuracy"]["value"] + 0.05}


def _claim_speed(report: dict[str, Any]) -> None:
    for end in ("value", "low", "high"):
        report["metrics"]["latency_ms"][end] /= 8


def _claim_bytes(report: dict[str, Any]) -> None:
    for end in ("value", "low", "high"):
        report["metrics"]["size_kb"][end] -= 1


def _claim_memory(report: dict[str, Any]) -> None:
    report["memory_kb"] |= {"value": 10.0, "low": 10.0, "high": 10.0}


def _claim_limit(report: dict[str, Any]) -> None:
    report["limits"][0]["bound"] = 1.0


@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        (_claim_accuracy, "accuracy on the test split"),
        (_claim_speed, "latency / baseline"),
        (_claim_bytes, "size"),
        (_claim_memory, "memory"),
        (_claim_limit, None),
    ],
)
def test_a_claim_that_does_not_hold_is_named_and_the_exit_code_is_1(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    edit: Callable[[dict[str, Any]], object],
    broken: str | None,
) -> None:
    folder = claiming(exported.folder, tmp_path / "out", edit)
    found = verified(capsys, folder, code=1)
    names = [name for name, verdict in verdicts(found).items() if verdict == "does not hold"]
    assert names == ([broken] if broken else [])
    assert not found["holds"]
    assert (found["limits"][0]["kept"] == "broken") == (broken is None)


def test_what_another_machine_reached_is_shown_and_not_judged(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_a_pi(report: dict[str, Any]) -> None:
        report["measured_on"] |= {"processor": "Raspberry Pi 4", "architecture": "aarch64"}
        report["metrics"]["latency_ms"] |= dict.fromkeys(("value", "low", "high"), 1e-6)
        report["limits"].append(
            {"metric": "latency_ms", "sense": "<=", "bound": 1e-6, "confident": False}
        )

    folder = claiming(exported.folder, tmp_path / "pi", of_a_pi)
    found = verified(capsys, folder)
    assert verdicts(found)["latency / baseline"] == "not checked"
    assert verdicts(found)["memory"] == "not checked"
    assert verdicts(found)["size"] == "holds"
    note = "times and memory are not judged: it was measured on Raspberry Pi 4, and this is "
    assert any(each.startswith(note) for each in found["notes"])
    (limit,) = (each for each in found["limits"] if each["limit"].startswith("latency_ms"))
    assert limit["found"]["value"] > 0
    assert limit["kept"] is None


def test_a_device_gives_times_memory_and_answers(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    found = verified(capsys, exported.folder, "--connect", f"command:{sys.executable}")
    assert set(verdicts(found).values()) == {"holds"}
    assert not any("answers are this machine's" in note for note in found["notes"])


def test_other_pictures_and_the_users_own_are_read_where_they_are_named(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    inputs, targets = make_data()[1]
    np.savez(tmp_path / "mine.npz", inputs=inputs.numpy(), targets=targets.numpy())
    found = verified(capsys, exported.folder, "--data", tmp_path / "mine.npz")
    assert "accuracy on other pictures" in verdicts(found)
    np.savez(tmp_path / "wrong.npz", inputs=inputs.numpy(), targets=(targets.numpy() + 1) % 3)
    found = verified(capsys, exported.folder, "--data", tmp_path / "wrong.npz", code=1)
    assert verdicts(found)["accuracy on other pictures"] == "does not hold"
    shutil.copy(TINY / "own.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    found = verified(capsys, exported.folder, "--data", "own:make_data")
    assert verdicts(found)["accuracy on the test split"] == "holds"


def _claim_no_quality(report: dict[str, Any]) -> None:
    report["test_accuracy"] = report["difference"] = "not measured"
    report["data"]["digest"] = ""


def test_what_is_found_on_pictures_of_the_users_is_shown_where_nothing_was_claimed(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = claiming(exported.folder, tmp_path / "out", _claim_no_quality)
    inputs, targets = make_data()[1]
    np.savez(tmp_path / "mine.npz", inputs=inputs.numpy(), targets=targets.numpy())
    found = verified(capsys, folder, "--data", tmp_path / "mine.npz")
    for name in ("accuracy on other pictures", "accuracy beside the baseline"):
        (claim,) = (each for each in found["claims"] if each["name"] == name)
        assert claim["verdict"] == "not checked"
        assert claim["claimed"] is None
        assert claim["found"]["low"] <= claim["found"]["value"] <= claim["found"]["high"]
    assert "no accuracy was claimed: the data had no test split" in found["notes"]


def test_a_limit_that_only_the_test_split_misses_is_told_and_is_no_broken_claim(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of_the_validation_split(report: dict[str, Any]) -> None:
        report["limits"].append(
            {"metric": "accuracy", "sense": ">=", "bound": 1.5, "confident": False}
        )

    folder = claiming(exported.folder, tmp_path / "out", of_the_validation_split)
    found = verified(capsys, folder)
    (limit,) = (each for each in found["limits"] if each["limit"].startswith("accuracy"))
    assert limit["kept"] == "broken"
    assert not limit["decides"]
    (note,) = (each for each in found["notes"] if each.startswith("accuracy"))
    assert "on the test split decides nothing" in note


@pytest.mark.parametrize(
    ("score", "words"),
    [(None, "of the study's own; name your copy"), ("own:f1", "own, 'own:f1'; name your copy")],
)
def test_a_score_is_asked_for_by_the_name_that_it_has(
    exported: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    score: str | None,
    words: str,
) -> None:
    def scored(report: dict[str, Any]) -> None:
        report["quality"] |= {"score": score, "counts_answers": False}

    found = verified(capsys, claiming(exported.folder, tmp_path / "out", scored))
    assert any(words in note for note in found["notes"])


def test_an_export_without_its_proof_takes_it_from_elsewhere(
    result: Result, exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder(result.results.folder)
    bare = result.export("knee", tmp_path / "out", proof=False)
    assert not (bare.folder / "proof").exists()
    found = verified(capsys, bare.folder)
    assert verdicts(found)["latency / baseline"] == "not checked"
    assert verdicts(found)["accuracy"] == "not checked"
    assert any("--baseline" in note for note in found["notes"])
    assert any("--data" in note for note in found["notes"])
    assert len(run_card(bare.folder)) == 8
    found = verified(
        capsys, bare.folder,
        "--baseline", run.baseline / "model.onnx",
        "--data", exported.folder / "proof" / "test.npz",
    )  # fmt: skip
    assert set(verdicts(found).values()) == {"holds"}


def test_wrong_input_is_one_message_and_exit_code_2(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, targets = make_data()[1]
    three = inputs.repeat(1, 3, 1, 1)
    np.savez(tmp_path / "rgb.npz", inputs=three.numpy(), targets=targets.numpy())
    np.savez(tmp_path / "many.npz", inputs=inputs.numpy(), targets=targets.numpy() + 7)
    for arguments, message in (
        ((tmp_path,), "no report.json"),
        ((exported.folder, "--data", tmp_path / "none.npz"), "No such file"),
        ((exported.folder, "--data", tmp_path / "rgb.npz"), "inputs of 1 channels"),
        ((exported.folder, "--data", tmp_path / "many.npz"), "3 classes apart"),
        ((exported.folder, "--data", "cifar11"), "did you mean 'cifar10'"),
        ((exported.folder, "--baseline", tmp_path / "none.onnx"), "there is no file"),
        ((exported.folder, "--connect", "command:no-such-box python3"), "does not answer: no-such"),
        ((exported.folder, "--baseline", tmp_path / "rgb.npz"), "onnxruntime could not load"),
    ):
        capsys.readouterr()
        assert tightfit("verify", *arguments) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert message in said
        assert "Traceback" not in said


def test_a_device_is_asked_with_the_python_that_is_named(
    exported: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\necho "asked ${last%% *}" >&2\nexit 1\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    place = ("--connect", "ssh:pi@nowhere", "--python", "/opt/python3.12")
    capsys.readouterr()
    assert tightfit("verify", exported.folder, *place) == 2
    assert "asked /opt/python3.12" in " ".join(capsys.readouterr().err.split())


def test_the_card_shows_the_front_the_layers_and_lines_that_run(exported: Exported) -> None:
    card = (exported.folder / "README.md").read_text("utf-8")
    assert "![The front that it was picked from](front.svg)" in card
    assert exported.report["metrics"]["accuracy_shifted"]["settings"]["noise"] == 0.02
    assert "; with noise 0.02, blur" in card
    assert (exported.folder / "front.svg").read_text("utf-8").startswith("<svg")
    assert "| layer | width kept | bits | rank kept |" in card
    assert "| size ≤" in card
    assert "| `ram_kb` | computed |" in card
    session = onnxruntime.InferenceSession(exported.folder / "model.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: make_data()[2][0][:8].numpy()})[0]
    assert run_card(exported.folder) == outputs.argmax(1).tolist()


def test_a_loaded_network_answers_as_the_file_on_the_whole_test_split(exported: Exported) -> None:
    with np.load(exported.folder / "proof" / "test.npz") as arrays:
        inputs = arrays["inputs"]
    session = onnxruntime.InferenceSession(exported.folder / "model.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    network = load(exported.folder, model=make_net)
    with torch.no_grad():
        answers = network(torch.from_numpy(inputs)).argmax(1)
    assert (answers.numpy() == outputs.argmax(1)).mean() >= 0.98


def test_an_export_that_is_interrupted_leaves_nothing_half_written(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tightfit.studies.exporting.examine", interrupt)
    with pytest.raises(KeyboardInterrupt):
        result.export("knee", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_confident_limits_are_kept_by_the_whole_interval(
    network: nn.Module, result: Result, tmp_path: Path
) -> None:
    train, validation, test = make_data()
    reached = result.results.records[0].measurement.value("accuracy")
    found = compress(
        network, train, validation, test,
        constraints=[f"accuracy >= {reached - 0.001}"], confident=True,
        trials=1, folder=tmp_path / "run",
        space={"quantization": {"per": "network", "bits": [8]}, "schedule": {"epochs": [1]}},
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1, "batch_size": 32},
    )  # fmt: skip
    record = found.results.records[0]
    assert record.measurement.value("accuracy") == reached
    assert not record.feasible
    assert found.results.constraints[0].confident
