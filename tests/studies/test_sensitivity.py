"""What single choices damage: measured, kept, gone on with, drawn, and used by a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.test_same_run import begin
from tightfit.objectives.damage import Damage
from tightfit.studies.assembly import assemble
from tightfit.studies.figures.sensitivity import draw_sensitivity, sensitivity_map
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.sensitivity import Effect, Sensitivity, spread, study_sensitivity
from tightfit.studies.study_file import read_study


def quiet(*_: object) -> None:
    return None


@pytest.fixture
def measured(tmp_path: Path) -> tuple[RunFolder, Sensitivity]:
    folder = RunFolder(tmp_path / "run")
    study = read_study(tiny_study(tmp_path), ())
    return folder, study_sensitivity(study, folder, tuned=1, say=quiet, progress=quiet)


def test_every_choice_is_measured_and_the_worst_is_trained(
    measured: tuple[RunFolder, Sensitivity],
) -> None:
    found = measured[1]
    names = {each.hparam for each in found.effects}
    assert {"network.bits", "network.rank"} <= names
    assert any(name.endswith(".pruning_ratio") for name in names)
    assert all(each.damage.stderr >= 0 for each in found.effects)
    (trained,) = (each for each in found.effects if each.tuned is not None)
    assert trained.damage.loss == max(each.damage.loss for each in found.effects)
    assert trained.tuned is not None
    assert trained.tuned.loss < trained.damage.loss


def test_it_is_kept_and_not_measured_again(
    measured: tuple[RunFolder, Sensitivity], tmp_path: Path
) -> None:
    folder, found = measured
    before = folder.sensitivity.stat().st_mtime_ns
    study = read_study(tmp_path / "tiny.toml", ())
    again = study_sensitivity(study, folder, tuned=1, say=quiet, progress=quiet)
    assert again == found
    assert folder.sensitivity.stat().st_mtime_ns == before


def test_what_was_interrupted_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    study = read_study(tiny_study(tmp_path), ())

    def stop(done: int, _total: int, _what: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study_sensitivity(study, folder, tuned=0, say=quiet, progress=stop)
    kept = json.loads(folder.sensitivity.read_text())["effects"]
    assert len(kept) == 3
    whole = study_sensitivity(study, folder, tuned=0, say=quiet, progress=quiet)
    assert json.loads(folder.sensitivity.read_text())["effects"][:3] == kept
    assert len(whole.effects) > 3


def test_a_run_begins_with_what_damages_least(
    measured: tuple[RunFolder, Sensitivity], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = measured
    study = tmp_path / "tiny.toml"
    few = ("--to", folder.path, "--set", "references.small_nets=[]")
    assert tightfit("run", study, *few) in (0, 1)
    origins = " ".join(record.origin for record in folder.results().records)
    assert "least sensitive" in origins
    assert "least sensitive" in capsys.readouterr().out
    assert tightfit("sensitivity", study, *few, "--tuned", 1) == 0


def test_a_run_s_sensitivities_are_not_replaced_by_those_of_another_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    run.sensitivity.write_text("of the run")
    command = ("sensitivity", study, "--to", run.path)
    assert tightfit(*command, "--set", "seed=1") == 2
    assert "belongs to another study (seed: " in " ".join(capsys.readouterr().err.split())
    own = tmp_path / "own.py"
    own.write_text(own.read_text() + "\n# another thought\n")
    assert tightfit(*command) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "begun with other weights, data, code of yours" in said
    assert run.sensitivity.read_text() == "of the run"
    assert not (tmp_path / ".baselines").exists()


def test_the_command_prints_a_table_or_one_document_and_draws(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run, page = tiny_study(tmp_path), tmp_path / "run", tmp_path / "page.html"
    arguments = ("sensitivity", study, "--to", run, "--tuned", 0)
    assert tightfit(*arguments, "--picture", page) == 0
    shown = capsys.readouterr().out
    assert "the least damaging first" in shown
    assert "pruning" in shown
    assert "Plotly.newPlot" in page.read_text()
    assert tightfit(*arguments, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["metric"] == "accuracy"
    assert {"hparam", "choice", "damage", "tuned"} == set(document["effects"][0])


def test_a_damaged_file_is_an_error_that_names_it(
    measured: tuple[RunFolder, Sensitivity], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = measured
    folder.sensitivity.write_text('{"version": 1, "finger')
    assert tightfit("sensitivity", tmp_path / "tiny.toml", "--to", folder.path) == 2
    assert "sensitivity.json cannot be read" in capsys.readouterr().err


def effect(site: str, choice: float, loss: float) -> Effect:
    return Effect(f"{site}.pruning_ratio", choice, Damage(loss, 0.01, 0.0))


def test_the_trained_ones_lie_between_the_worst_and_the_median() -> None:
    effects = [effect(f"layer{i}", 0.5, float(i)) for i in range(10)]
    assert [each.damage.loss for each in spread(effects, 3)] == [9.0, 7.0, 5.0]
    assert [each.damage.loss for each in spread(effects, 1)] == [9.0]
    assert spread(effects, 0) == []
    assert len(spread(effects[:2], 3)) == 2


def test_the_picture_has_a_map_for_each_technique() -> None:
    effects = (
        effect("a", 0.25, 0.1), effect("a", 0.5, 0.2), effect("b", 0.5, 0.4),
        Effect("a.bits", 4, Damage(0.3, 0.01, 0.0)),
    )  # fmt: skip
    maps = sensitivity_map(Sensitivity("", 10, "accuracy", 0.5, effects))
    assert set(maps) == {"pruning_ratio", "bits"}
    pruning = maps["pruning_ratio"]
    assert (pruning.sites, pruning.choices) == (("a", "b"), ("0.25", "0.5"))
    assert pruning.losses["b", "0.5"] == 0.4
    drawn = draw_sensitivity(maps)
    assert [len(trace.y) for trace in drawn.data] == [2, 1]
    assert drawn.data[0].z[1][0] is None  # b was not measured at 0.25
