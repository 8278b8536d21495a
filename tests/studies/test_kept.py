"""A file of a run that is cut off, foreign or of another version is named, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.studies.conftest import LATENCY
from tests.studies.test_plan import plan
from tightfit import SpecError
from tightfit.objectives.damage import Damage
from tightfit.search.binding import Gain
from tightfit.studies.baseline import measured_on
from tightfit.studies.gains import keep_gains, read_gains
from tightfit.studies.plan import Plan
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.sensitivity import Effect, Sensitivity

SENSITIVITY = Sensitivity(
    "f00d", 9, "accuracy", 0.1, (Effect("a.bits", 4, Damage(0.2, 0.1, 0.01)),)
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run whose files are whole."""
    found = RunFolder(tmp_path)
    found.make()
    plan().write(found.plan)
    keep_gains(found.binding, [Gain(LATENCY, 0.1, 0.0, 0.2)])
    SENSITIVITY.write(found.sensitivity)
    facts = {
        "architecture": "x86_64",
        "processor": "",
        "processors": 2,
        "system": "Linux",
        "python": "3.11",
        "runtime": "onnxruntime 1.32.0",
        "threads": 1,
    }
    (found.baseline / "device.json").write_text(json.dumps(facts))
    return found


READ: dict[str, Callable[[RunFolder], object]] = {
    "plan.json": lambda run: Plan.read(run.plan),
    "binding.json": lambda run: read_gains(run.binding),
    "sensitivity.json": lambda run: Sensitivity.read(run.sensitivity, "f00d"),
    "baseline/device.json": measured_on,
}
CURES = {
    "plan.json": "choose another folder with --to",
    "binding.json": "remove it, and 'tightfit run' makes it anew",
    "sensitivity.json": "remove it to measure anew",
    "baseline/device.json": "remove the folder .*baseline, and 'tightfit run' measures",
}


@pytest.mark.parametrize("name", READ)
def test_what_is_whole_is_read(folder: RunFolder, name: str) -> None:
    assert READ[name](folder)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda _: "[1, 2]",
        lambda _: '{"not": "ours"}',
        lambda _: "\0\0\0",
    ],
)
def test_what_is_damaged_is_named_with_what_to_do(
    folder: RunFolder, name: str, damage: Callable[[str], str]
) -> None:
    path = folder.path / name
    content = damage(path.read_text())
    path.write_text(content)
    with pytest.raises(SpecError, match=f"{path.name} cannot be read: .*; {CURES[name]}"):
        READ[name](folder)
    assert path.read_text() == content


@pytest.mark.parametrize("name", ["plan.json", "binding.json", "sensitivity.json"])
def test_what_a_newer_version_wrote_is_refused(folder: RunFolder, name: str) -> None:
    path = folder.path / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 9}))
    with pytest.raises(SpecError, match=f"{name} has version 9, this Tightfit reads version"):
        READ[name](folder)


def test_a_run_that_has_lost_what_says_where_it_was_measured_is_told(folder: RunFolder) -> None:
    (folder.baseline / "device.json").unlink()
    with pytest.raises(SpecError, match=r"the run has lost the file .*device\.json; remove"):
        measured_on(folder)
