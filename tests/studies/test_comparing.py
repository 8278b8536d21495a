"""Samplers are compared on a study, from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.studies.command_line import tightfit, tiny_study
from tightfit import Candidate, Record
from tightfit.search import Band, Curve, open_storage, records
from tightfit.studies.commands import launching
from tightfit.studies.comparing import Comparison, Contest, Way
from tightfit.studies.comparison_table import comparison_table
from tightfit.studies.figures.comparison import (
    ComparisonLines,
    Level,
    comparison_lines,
    draw_comparison,
)
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.same_comparison import check_same_comparison, keep_compared
from tightfit.studies.standing import members, standings
from tightfit.studies.study_file import read_study


def by_candidate(folder: Path) -> dict[Candidate, list[Record]]:
    """Return what the searches of a folder trained, each candidate's records together."""
    found: dict[Candidate, list[Record]] = {}
    for path in folder.glob("*.log"):
        for record in records(open_storage(path), path.stem):
            if record.trained:
                found.setdefault(record.candidate, []).append(record)
    return found


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the bytes of every file in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SMALL = ("--samplers", "tpe,random", "--seeds", 2, "--trials", 3)


@pytest.mark.slow
def test_samplers_are_compared_with_what_plain_ways_reach_and_nothing_is_trained_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), tmp_path / "run"
    assert tightfit("compare", study, "--to", run, *SMALL) == 0
    shown = capsys.readouterr().out
    for words in ("3 trained", "equal wall time", "uniform", "best shape from scratch", "tpe"):
        assert words in shown
    assert "trainings (range of 2 seeds, and mean)" in (
        run / "comparison" / "comparison.html"
    ).read_text().replace("\\u002c", ",")
    same = by_candidate(run / "comparison")
    assert any(len(found) > 1 for found in same.values())
    assert all(
        len({each.measurement["accuracy"] for each in found}) == 1 for found in same.values()
    )
    assert all(len({each.seconds["train"] for each in found}) == 1 for found in same.values())
    assert tightfit("compare", study, "--to", run, *SMALL, "--json") == 0
    assert by_candidate(run / "comparison") == same
    document = json.loads(capsys.readouterr().out)
    assert [(each["sampler"], each["seed"]) for each in document["searches"]] == [
        ("tpe", 0), ("random", 0), ("tpe", 1), ("random", 1)
    ]  # fmt: skip
    for each in document["searches"]:
        assert len(each["shares"]) == len(each["seconds"]) == 3
        assert each["shares"] == sorted(each["shares"])
        assert each["seconds"] == sorted(each["seconds"])
    assert max(each["shares"][-1] for each in document["searches"]) <= 1.0


@pytest.mark.slow
def test_a_comparison_in_a_run_s_folder_leaves_the_run_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), tmp_path / "run"
    few = ("--to", run, "--trials", 2, "--set", "references.small_nets=[]")
    assert tightfit("run", study, *few) == 0
    kept = contents(run / "candidates"), contents(run / "outsiders")
    one = ("--samplers", "random", "--seeds", 1)
    assert tightfit("compare", study, *few, *one) == 0
    assert kept[0]
    assert (contents(run / "candidates"), contents(run / "outsiders")) == kept
    assert not contents(run / "comparison" / "candidates")
    results = RunFolder(run).results()
    for trial in (each.key for each in members(standings(results))):
        assert tightfit("export", run, "--pick", trial, "--to", tmp_path / trial) == 0
    other = (*few, "--set", "training.baseline_epochs=1")
    capsys.readouterr()
    assert tightfit("compare", study, *other, *one) == 2
    assert "belongs to another study" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("samplers", "message"),
    [("tpe,tpe", "each once"), ("nonsense", "nonsense")],
)
def test_wrong_samplers_are_refused_before_anything_is_read(
    samplers: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tightfit("compare", tiny_study(tmp_path), "--samplers", samplers) == 2
    assert message in capsys.readouterr().err


def test_a_comparison_of_another_study_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    check_same_comparison(read_study(study).spec, run)
    run.comparison.mkdir(parents=True)
    keep_compared(read_study(study).spec, run)
    check_same_comparison(read_study(study, ["trials=9", "sampler=gp"]).spec, run)
    other = ("--set", 'constraints=["size_kb <= 5"]')
    assert tightfit("compare", study, "--to", run.path, *SMALL, *other) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert 'were compared on another study (constraints: ["size_kb <= 0.6 * baseline",' in said
    assert "choose another folder with --to" in said
    assert not run.baseline.exists()


def test_all_samplers_have_a_seed_before_any_has_the_next() -> None:
    assert [*Contest(("tpe", "gp"), 2).searches()] == [
        ("tpe", 0), ("gp", 0), ("tpe", 1), ("gp", 1)
    ]  # fmt: skip


def test_a_search_that_trained_nothing_and_a_way_that_breaks_a_limit_are_shown(
    results: Results,
) -> None:
    found = comparison(results)
    assert found.seconds == 9.0
    assert json.dumps(found.to_json())
    console = Console(width=120)
    with console.capture() as capture:
        console.print(comparison_table(found))
    assert "breaks a limit" in capture.get()
    lines = comparison_lines(found)
    assert lines.levels == (
        Level("uniform", 0.5), Level("small net (breaks a limit)", 0.0),
        Level("from scratch (breaks a limit)", 0.0),
    )  # fmt: skip
    figure = draw_comparison(lines)
    names = {each.name: each.y for each in figure.data}
    assert names["from scratch (breaks a limit)"] == (0.0, 0.0)
    assert [each.yshift for each in figure.layout.annotations] == [0, 0, 14]


def comparison(results: Results) -> Comparison:
    """Return a comparison in which one of two searches trained nothing."""
    kept = next(each for each in results.records if each.feasible)
    broken = next(each for each in results.records if not each.feasible)
    curves = (
        Curve("tpe", 0, np.array([0.4, 1.0]), np.array([4.0, 9.0])),
        Curve("random", 0, np.array([]), np.array([])),
    )
    return Comparison(
        study="it",
        trials=2,
        metrics=results.metrics,
        objectives=results.objectives,
        corner=results.reference_point,
        curves=curves,
        records={"tpe": (kept,), "random": (broken,)},
        ways=(
            Way("small net", (broken,), 0.0),
            Way("uniform", (kept,), 0.5),
            Way("from scratch", (broken,), 0.0),
        ),
    )


def test_where_no_search_found_anything_that_is_said_with_a_document_and_exit_code_1(
    results: Results,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing, untrained = np.zeros(2), np.array([])
    curves = Curve("tpe", 0, nothing, np.array([4.0, 9.0])), Curve("gp", 0, untrained, untrained)
    found = replace(comparison(results), curves=curves)
    monkeypatch.setattr(launching, "compare_samplers", lambda *_: found)
    monkeypatch.chdir(tmp_path)
    question = ("compare", tiny_study(tmp_path), "--to", tmp_path / "run")
    (tmp_path / "run" / "comparison").mkdir(parents=True)
    assert tightfit(*question) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "No search found a feasible candidate" in shown
    assert "(accuracy 88.5 %, size_kb 894 kB): all shares are 0" in shown
    assert tightfit(*question, "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["nothing_found"]
    assert document["reference_point"] == list(results.reference_point)
    assert [each["shares"] for each in document["searches"]] == [[0.0, 0.0], []]
    assert not comparison(results).empty


def test_the_picture_has_a_band_and_a_line_a_sampler_and_a_level_a_plain_way() -> None:
    shares = np.array([0.4, 0.8])
    band = Band("tpe", shares, shares - 0.1, shares + 0.1)
    figure = draw_comparison(ComparisonLines((band,), (Level("uniform", 0.6),), seeds=2))
    ring, mean, level = figure.data
    assert mean.y == (40.0, 80.0)
    assert ring.y == pytest.approx((50.0, 90.0, 70.0, 30.0))
    assert level.y == (60.0, 60.0)
    assert figure.layout.annotations[0].text == "uniform"
