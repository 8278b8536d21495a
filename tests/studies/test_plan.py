from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tightfit import (
    Constraint,
    Direction,
    Hparam,
    Kind,
    Measurement,
    Metric,
    Objective,
    Reading,
    SearchSpace,
    Sense,
    SpecError,
    Stage,
)
from tightfit.studies.plan import Plan

SPEC: dict[str, Any] = {
    "trials": 10,
    "seed": 0,
    "model": {"name": "resnet18", "weights": None},
    "references": {"uniform": 2},
}


def plan() -> Plan:
    return Plan(
        name="mine",
        spec=SPEC,
        study_path="/somewhere/mine.toml",
        storage=None,
        fingerprint="abc",
        space=SearchSpace(
            (
                Hparam("weight", (None, 0.5)),
                Hparam("temperature", (2.0, 4.0), active_if=("weight", (1,))),
            )
        ),
        metrics={
            "size_kb": Metric(
                "size_kb", "kB", Direction.MINIMIZE, Stage.RUNTIME, Kind.COUNTED, "bytes"
            )
        },
        constraints=(Constraint("size_kb", Sense.AT_MOST, 200.0),),
        objectives=(Objective("size_kb", Direction.MINIMIZE),),
        baseline=Measurement({"size_kb": Reading(900.0, kind=Kind.COUNTED, stage=Stage.RUNTIME)}),
        reference_point=(900.0,),
    )


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plan().write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan()


def test_a_folder_without_a_plan_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"is not a run: it has no plan\.json"):
        Plan.read(tmp_path / "plan.json")


def test_a_damaged_plan_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"version": 1, ')
    with pytest.raises(SpecError, match=r"plan\.json cannot be read: Expecting"):
        Plan.read(tmp_path / "plan.json")


def test_a_plan_of_another_version_is_refused(tmp_path: Path) -> None:
    plan().write(tmp_path / "plan.json")
    values = json.loads((tmp_path / "plan.json").read_text()) | {"version": 7}
    (tmp_path / "plan.json").write_text(json.dumps(values))
    with pytest.raises(SpecError, match="has version 7, this Tightfit reads versions 1, 2 and 3"):
        Plan.read(tmp_path / "plan.json")


@pytest.mark.parametrize(("version", "align", "now"), [(2, 8, None), (2, 4, 4), (3, 8, 8)])
def test_a_run_from_before_strict_multiples_keeps_its_space(
    tmp_path: Path, version: int, align: int, now: int | None
) -> None:
    plan().write(tmp_path / "plan.json")
    values = json.loads((tmp_path / "plan.json").read_text()) | {"version": version}
    values["spec"]["space"] = {"pruning": {"per": "layer", "align": align}}
    (tmp_path / "plan.json").write_text(json.dumps(values))
    read = Plan.read(tmp_path / "plan.json")
    assert read.spec == {**SPEC, "space": {"pruning": {"per": "layer", "align": now}}}


def test_more_trials_are_the_same_study() -> None:
    plan().check_same_study({**SPEC, "trials": 99}, Path("runs/mine"))


def test_the_differences_to_another_study_are_listed() -> None:
    other = {**SPEC, "seed": 3, "model": {"name": "vgg11", "weights": "w.safetensors"}}
    message = (
        r'runs/mine belongs to another study \(model.name: "resnet18" in the run, "vgg11" in the '
        r'study; model.weights: nothing in the run, "w.safetensors" in the study; '
        r"seed: 0 in the run, 3 in the study\)"
    )
    with pytest.raises(SpecError, match=message):
        plan().check_same_study(other, Path("runs/mine"))


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        ({"rungs": [0.5]}, {"rungs": [0.25], "keep": 0.3}, None),
        ({"rungs": [0.5], "data": [0.2]}, {"rungs": [0.5], "data": [0.2], "keep": 0.3}, None),
        ({"rungs": [0.5]}, {"rungs": [0.5], "data": [0.2]}, r"fidelity\.data: nothing in the run"),
        ({"rungs": [0.5], "data": [0.2]}, {"rungs": [0.4], "data": [0.2]}, r"fidelity\.rungs: "),
        (None, {"rungs": [0.5], "data": [0.2]}, r"fidelity: nothing in the run"),
        ({"rungs": [0.5], "data": [0.2]}, None, r"nothing in the study"),
    ],
)
def test_rungs_may_change_unless_they_say_what_is_learned_from(
    before: dict[str, Any] | None, now: dict[str, Any] | None, message: str | None
) -> None:
    begun = replace(plan(), spec={**SPEC, "fidelity": before})
    if message is None:
        begun.check_same_study({**SPEC, "fidelity": now}, Path("runs/mine"))
        return
    with pytest.raises(SpecError, match=message):
        begun.check_same_study({**SPEC, "fidelity": now}, Path("runs/mine"))


@pytest.mark.parametrize(
    ("storage", "private"),
    [
        (None, False),
        ("sqlite:////data/run.db", False),
        ("postgresql+psycopg://me@host/run", False),
        ("postgresql+psycopg://me:secret@host/run", True),
    ],
)
def test_a_plan_with_a_password_is_its_owners_alone(
    tmp_path: Path, storage: str | None, private: bool
) -> None:
    before = os.umask(0o022)
    try:
        replace(plan(), storage=storage).write(tmp_path / "plan.json")
    finally:
        os.umask(before)
    mode = (tmp_path / "plan.json").stat().st_mode & 0o777
    assert mode == (0o600 if private else 0o644)
