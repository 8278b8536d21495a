"""A baseline is trained once, and kept where that is possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.studies.command_line import tiny_study
from tests.studies.tiny.own import make_net
from tightfit import Kind, Reading, Stage
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.seeding import seeded
from tightfit.studies.assembly import assemble
from tightfit.studies.baseline import kept_module, measured_on, trained_module
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.plan import Plan
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.session import keep_plan
from tightfit.studies.study_file import read_study


def test_a_baseline_that_cannot_lie_beside_its_run_is_kept_in_it(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["training.baseline_epochs=1"])
    (tmp_path / ".baselines").touch()  # where no folder can be made
    run, said = RunFolder(tmp_path / "run"), list[str]()
    first, again = (
        trained_module(assemble(study), run, say=said.append, progress=lambda *_: None)
        for _ in range(2)
    )
    assert len(said) == 1
    assert [path.suffix for path in run.baseline.iterdir()] == [".safetensors"]
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_what_was_not_trained_yet_is_not_there(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["training.baseline_epochs=1"])
    run = RunFolder(tmp_path / "run")
    assert kept_module(assemble(study), run) is None
    trained_module(assemble(study), run, say=lambda _: None, progress=lambda *_: None)
    assert kept_module(assemble(study), run) is not None
    assert [path.suffix for path in (tmp_path / ".baselines").iterdir()] == [".safetensors"]


def test_other_weights_to_begin_with_are_another_baseline(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["model.weights=net.safetensors"])
    for trained, found in ((True, 2), (False, 1)):
        seen = set()
        for seed in range(2):
            with seeded(seed):
                save_file(make_net().state_dict(), tmp_path / "net.safetensors")
            assembly = assemble(study)
            model = replace(assembly.model, needs_training=trained)
            seen.add(replace(assembly, model=model).basis())
        assert len(seen) == found


@pytest.mark.parametrize("lost", ["baseline", "baseline/readings.json"])
def test_a_run_that_lost_its_baseline_s_readings_keeps_its_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    limits = 'constraints=["latency_ms <= 0.5 * baseline", "accuracy >= 0.1"]'
    path, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    study = read_study(path, [limits, "training.baseline_epochs=1"])
    taken = iter((2.0, 3.0))

    def measured(_meter: LatencyMeter) -> Reading:
        return Reading(next(taken), Kind.MEASURED, Stage.RUNTIME)

    def begin() -> Bench:
        bench = prepare(
            assemble(study), run, say=lambda _: None, progress=lambda *_: None, teach=False
        )
        keep_plan(bench, path, None)
        return bench

    monkeypatch.setattr(LatencyMeter, "measure_baseline", measured)
    first = begin()
    files = {each.name for each in run.baseline.iterdir()}
    (run.path / lost).rename(tmp_path / "lost")
    again = begin()
    assert again.baseline == first.baseline
    assert str(again.constraints[0]) == "latency_ms <= 1"
    assert Plan.read(run.plan).constraints == first.constraints == again.constraints
    assert {each.name for each in run.baseline.iterdir()} == files
    assert measured_on(run).architecture
