"""A study that is measured on another device: a second Python, reached by a command."""

from __future__ import annotations

import json
import platform
import sys
from itertools import cycle
from pathlib import Path

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tightfit.objectives.meter.device import Device
from tightfit.objectives.meter.facts import Session

DEVICE = f"device.connect=command:{sys.executable} -"
SHORT = ("trials=1", "references={uniform=0, single_techniques=false, from_scratch=false}")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tiny_study(tmp_path)


@pytest.mark.slow
def test_candidates_are_measured_there_and_the_report_says_where(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = (
        'constraints=["peak_kb <= 3 * baseline", "latency_p99_ms <= 9 * baseline", '
        '"accuracy >= 0.1"]'
    )
    run, export = study.parent / "run", study.parent / "export"
    given = (*SHORT, limits, DEVICE, "device.batch=4")
    settings = [word for each in given for word in ("--set", each)]
    assert tightfit("run", study, "--to", run, *settings) == 0
    capsys.readouterr()
    assert tightfit("front", run, "--json") == 0
    networks = json.loads(capsys.readouterr().out)["networks"]
    assert all(network["metrics"]["peak_kb"]["value"] > 0 for network in networks)
    assert all(network["metrics"]["latency_p99_ms"]["value"] > 0 for network in networks)
    assert all("load_ms" not in network["metrics"] for network in networks)
    assert len(list((study.parent / "cache" / "tightfit" / "files").iterdir())) >= 2

    assert tightfit("export", run, "--pick", "knee", "--to", export) == 0
    report = json.loads((export / "report.json").read_text())
    assert report["measured_on"]["architecture"] == platform.machine()
    assert report["metrics"]["peak_kb"]["kind"] == "measured"
    assert report["batch"] == report["measured_on"]["batch"] == 4
    assert report["verified"]["runtime"].endswith(", 1 thread, 4 pictures at once")
    claims = {claim["name"]: claim for claim in report["verified"]["claims"]}
    assert claims["slowest runs / baseline"]["found"]["value"] > 0
    assert "load time / baseline" not in claims
    assert [limit["kept"] for limit in report["verified"]["limits"]] == ["kept"] * 3

    kept = run / "baseline" / "device.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "architecture": "riscv64"}))
    assert tightfit("export", run, "--pick", "knee", "--to", study.parent / "other") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"has the architecture '{platform.machine()}', not 'riscv64'" in said
    assert not (study.parent / "other").exists()


def test_a_check_says_what_the_device_is(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tightfit("check", study, "--json", "--set", DEVICE) == 0
    (note,) = [
        note
        for note in json.loads(capsys.readouterr().out)["notes"]
        if note.startswith("files are measured on ")
    ]
    assert platform.machine() in note
    assert note.endswith(", 1 thread")
    assert tightfit("check", study, "--set", "device.connect=command:no-such-box python3") == 2
    assert "does not answer: no-such-box" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_device_that_does_not_answer_ends_the_run_in_a_line(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = "device.connect=command:sh -c 'echo no such box >&2; exit 1'"
    assert tightfit("run", study, "--to", study.parent / "run", "--set", silent) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "does not answer: no such box" in said
    assert "Traceback" not in said
    assert not (study.parent / "run" / "plan.json").exists()


@pytest.mark.slow
def test_a_machine_too_noisy_to_measure_ends_the_run_in_a_line(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paces = cycle((1.0, 2.0, 4.0))

    def noisy(*_: object, **__: object) -> Session:
        return Session((next(paces),), waited=0.9, others=7.0)

    monkeypatch.setattr(Device, "session", noisy)
    folder = study.parent / "run"
    options = ['constraints=["latency_ms <= baseline"]', "device.seconds=0.01"]
    overrides = [part for option in options for part in ("--set", option)]
    assert tightfit("run", study, "--to", folder, *overrides) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "the machine is too disturbed to measure" in said
    assert "other processes kept 7.0 processors busy; end what else runs there" in said
    assert "Traceback" not in said
    assert not (folder / "plan.json").exists()
    assert not (folder / "baseline" / "readings.json").exists()
