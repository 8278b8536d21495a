"""Can it be done, and how far can it go: the commands on a tiny study of the tests' own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.studies.command_line import tightfit, tiny_study
from tightfit import Constraint, IntArray, Record, Sense, SpecError
from tightfit.objectives.proof import Found
from tightfit.search.region import Region
from tightfit.search.screening import Screen
from tightfit.studies import exporting
from tightfit.studies.assembly import assemble
from tightfit.studies.claims import Kept
from tightfit.studies.costs import StaticCosts
from tightfit.studies.duration import seconds_of
from tightfit.studies.examining import Quality
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import TIGHTENED
from tightfit.studies.study_file import read_study
from tightfit.studies.tightening import _Tightening
from tightfit.studies.verification import Verification
from tightfit.studies.verifying import compare
from tightfit.studies.watching import ConsoleWatcher

Capture = pytest.CaptureFixture[str]
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def ask(study: Path, capsys: Capture) -> Ask:
    """Ask a question of the study in a folder of its own; return its JSON document."""

    def command(name: str, run: str, *more: object, code: int, limits: str = "") -> Any:
        changed = ("--set", f"constraints={limits}") if limits else ()
        few = ("--set", "references.small_nets=[]")
        folder = study.parent / "runs" / run
        arguments = (name, study, "--to", folder, *few, *changed, *more, "--json")
        assert tightfit(*arguments) == code
        return json.loads(capsys.readouterr().out)

    return command


def every_candidate(study: Path) -> tuple[IntArray, dict[str, Any]]:
    """Return all candidates of the tiny study's space with their exact costs."""
    assembly = assemble(read_study(study))
    space = assembly.space(assembly.model.module)
    costs = StaticCosts(space, assembly.profile)
    screen = Screen(space.search_space, costs, (), errors={})
    every = Region.survey(space.search_space, screen).members
    assert every is not None
    return every, dict(costs(every))


@pytest.mark.slow
def test_impossible_limits_are_proven_so_as_an_enumeration_has_it(study: Path, ask: Ask) -> None:
    limits = '["macs <= 60000", "ram_kb <= 50", "params >= 3000", "accuracy >= 0.4"]'
    found = ask("decide", "proof", code=1, limits=limits)
    assert found["answer"] == "impossible"
    assert found["cost"]["trained"] == 0
    proof = json.loads((study.parent / "runs" / "proof" / "proof.json").read_text())
    assert proof == found["proof"]
    assert proof["conflict"] == ["macs <= 60000", "params >= 3000"]
    every, costs = every_candidate(study)
    kept = {
        "macs <= 60000": costs["macs"] <= 60000,
        "ram_kb <= 50": costs["ram_kb"] <= 50,
        "params >= 3000": costs["params"] >= 3000,
    }
    assert not (kept["macs <= 60000"] & kept["params >= 3000"]).any()
    for each in proof["limits"]:
        values = costs[each["metric"]]
        best = {"least": np.min, "greatest": np.max}[each["searched_for"]]
        inside = np.all([kept[limit] for limit in kept if limit != each["limit"]], axis=0)
        assert each["alone"]["value"] == best(values)
        reached = each["under_the_other_limits"]
        assert (reached is not None) == inside.any()
        if reached is not None:
            assert reached["value"] == best(values[inside])
            # The solver's bound is no worse than what a candidate reaches.
            assert reached["bound"] == best([reached["value"], reached["bound"]])
            assert values[np.equal(every, reached["indices"]).all(axis=1)] == reached["value"]
    # Each of the two gives way alone, as far as the enumeration says.
    enough = {each["metric"]: each["bound"] for each in proof["bounds_that_would_work"]}
    assert enough == {
        "macs": costs["macs"][kept["ram_kb <= 50"] & kept["params >= 3000"]].min(),
        "params": costs["params"][kept["ram_kb <= 50"] & kept["macs <= 60000"]].max(),
    }


@pytest.mark.slow
def test_a_file_too_small_for_the_space_is_proven_beyond_the_prediction_s_error(
    ask: Ask, study: Path
) -> None:
    found = ask("decide", "small", code=1, limits='["size_kb <= 0.2"]')
    assert found["answer"] == "impossible"
    (enough,) = found["proof"]["bounds_that_would_work"]
    _, costs = every_candidate(study)
    assert enough["bound"] == costs["size_kb"].min()
    # The file of that candidate was written and its bytes counted.
    assert enough["counted"] == pytest.approx(enough["bound"], abs=2.0)
    assert tightfit("decide", study, "--within", "soon") == 2
    # The folder has no record yet, so that another limit may follow there.
    found = ask("decide", "small", code=0, limits='["size_kb <= 1e6"]')
    assert found["answer"] == "yes"
    assert not (study.parent / "runs" / "small" / "proof.json").exists()


@pytest.mark.slow
def test_limits_that_the_file_of_every_candidate_breaks_are_impossible(
    ask: Ask, study: Path
) -> None:
    limits = '["size_kb <= 1.9", "macs <= 55308"]'
    found = ask("decide", "counted", code=1, limits=limits)
    assert found["answer"] == "impossible"
    assert "every candidate's file was counted" in found["message"]
    assert found["cost"]["trained"] == 0
    assert found["proof"] == json.loads((study.parent / "runs/counted/proof.json").read_text())
    _, costs = every_candidate(study)
    # By its prediction some candidate may be small enough: its error is 2 kB.
    left = (costs["size_kb"] <= 3.9) & (costs["macs"] <= 55308)
    assert found["proof"]["files_counted"] == left.sum() > 0
    (enough,) = found["proof"]["bounds_that_would_work"]
    records = RunFolder(study.parent / "runs" / "counted").results().records
    assert enough["bound"] == min(each.measurement.value("size_kb") for each in records) > 1.9


@pytest.mark.slow
def test_a_latency_below_all_that_is_fast_is_unreachable_as_measured(ask: Ask) -> None:
    found = ask("decide", "fast", code=1, limits='["latency_ms <= 0.001 * baseline"]')
    assert found["answer"] == "unreachable as measured"
    assert found["cost"]["trained"] == 0
    assert found["proof"] is None
    (fastest,) = found["fastest_measured"]
    assert fastest["measured"] >= 2
    for each in fastest["best"]:
        assert each["value"] - 2 * each["stderr"] > 0
        assert each["repeats"] >= 3


@pytest.mark.slow
def test_yes_is_an_exported_witness_and_stands_when_asked_again(ask: Ask, study: Path) -> None:
    found = ask("decide", "yes", code=0)
    assert found["answer"] == "yes"
    assert found["witness"]["verified"]
    assert 1 <= found["cost"]["trained"] <= 4
    folder = Path(found["witness"]["folder"])
    file = folder / "model.onnx"
    onnxruntime.InferenceSession(file)
    size = next(each for each in found["witness"]["limits"] if "size_kb" in each["limit"])
    assert size["value"] == file.stat().st_size / 1000
    again = ask("decide", "yes", code=0)
    assert again["cost"]["trained"] == 0
    assert again["cost"]["trained_before"] == found["cost"]["trained"]
    # Its records are a run's: other limits over them, and one limit tightened from them.
    run = study.parent / "runs" / "yes"
    assert tightfit("whatif", run, "--limits", "size_kb <= 1e6") == 0
    assert tightfit("whatif", run, "--limits", "size_kb <= 0.2") == 1
    assert tightfit("tighten", study, "--limit", "trials", "--to", run) == 0


@pytest.mark.slow
def test_what_the_test_split_says_of_a_witness_is_told_and_chooses_none(
    ask: Ask, study: Path, capsys: Capture
) -> None:
    other = ("--set", 'data.name="own:make_data_with_a_wrong_test"')
    found = ask("decide", "tested", *other, code=0, limits='["accuracy >= 0.5"]')
    (limit,) = found["witness"]["limits"]
    assert limit["read_again"]
    assert limit["value"] >= 0.5
    assert limit["on_the_test_split"]["kept"] == "broken"
    run = RunFolder(study.parent / "runs" / "tested")
    record = run.results().records[found["witness"]["trial"]]
    assert limit["value"] == pytest.approx(record.measurement.value("accuracy"), abs=0.02)
    # What was called a witness is none that does not hold when it is verified.
    capsys.readouterr()
    assert tightfit("verify", run.witness) == 0
    assert "not kept on the test split" in capsys.readouterr().out
    assert "the test split decided nothing" in (run.witness / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_a_file_that_breaks_a_limit_is_no_witness_and_what_it_beats_is_tried_after_it(
    ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[float] = []

    def refuting(report: Any, found: Found, quality: Quality | None, *, title: str) -> Verification:
        """Refute all but what a refuted one is smaller than, which the front does not hold."""
        honest = compare(report, found, quality, title=title)
        beaten = any(size < found.size_kb.value for size in sizes)
        sizes.append(found.size_kb.value)
        if beaten:
            return honest
        limits = tuple(replace(each, kept=Kept.BROKEN) for each in honest.limits)
        return replace(honest, limits=limits)

    monkeypatch.setattr(exporting, "compare", refuting)
    limits = '["size_kb <= 0.9 * baseline", "accuracy >= 0.05"]'
    small = ("--set", 'objectives=["size_kb"]')
    found = ask("decide", "refuted", *small, code=0, limits=limits)
    assert len(sizes) > 1
    assert found["witness"]["verified"]
    assert {each["read_again"] for each in found["witness"]["limits"]} == {True}
    records = RunFolder(study.parent / "runs" / "refuted").results().records
    witness = records[found["witness"]["trial"]].measurement.value("size_kb")
    assert witness == sizes[-1] > min(sizes)
    # What has no file is not taken for a witness: that is said, beside those that were refuted.
    shutil.rmtree(study.parent / "runs" / "refuted" / "candidates")
    found = ask("decide", "refuted", *small, "--within", "0.01s", code=1, limits=limits)
    assert "that keep all limits the run has no file any longer" in found["message"]


@pytest.mark.slow
def test_not_found_says_what_came_nearest_and_a_bracket_closes_on_what_is_kept(
    ask: Ask, study: Path
) -> None:
    limits = '["macs <= 200000", "accuracy >= 0.9"]'
    # Nothing is learned, neither by the baseline nor by a candidate.
    idle = [
        "--set=training.baseline_epochs=1",
        "--set=training.baseline_learning_rate=1e-6",
        "--set=space.schedule.learning_rates=[1e-6]",
    ]
    found = ask("decide", "near", "--trials", 1, *idle, code=1, limits=limits)
    assert found["answer"] == "not found"
    assert found["cost"]["trained"] == 1
    assert found["nearest_miss"]["violations"]["accuracy >= 0.9"] > 0
    assert found["predicted"] is None  # One record teaches nothing.
    macs = '["accuracy >= 0.3"]'
    bracket = ask(
        "tighten", "bracket", "--limit", "macs", "--trials", 2, "--step", 1, code=0, limits=macs
    )
    _, costs = every_candidate(study)
    assert bracket["proven"] == costs["macs"].min()
    assert bracket["steps"][0]["bound"] is None
    assert bracket["reached"] >= bracket["proven"]
    assert bracket["cost"]["trained"] == 2
    trial = RunFolder(study.parent / "runs" / "bracket").results().records[bracket["trial"]]
    assert trial.feasible
    assert trial.measurement.value("macs") == bracket["reached"]
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.3)
    noisy = [str(floor)] if floor.within_noise(trial.measurement["accuracy"]) else []
    assert bracket["kept_within_noise"] == noisy


@pytest.mark.slow
def test_what_was_trained_before_an_interrupt_is_the_run_s(
    ask: Ask, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(study.parent / "runs" / "interrupted")
    limits = '["accuracy >= 0.2"]'
    question = ("tighten", study, "--limit", "macs", "--to", folder.path, "--set")
    few = ("references.small_nets=[]", "--set", f"constraints={limits}")

    def interrupt(_watcher: object, record: Record, _progress: object) -> None:
        if record.trained:
            raise KeyboardInterrupt

    def is_killed(_work: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(ConsoleWatcher, "record", interrupt)
        patch.setattr(_Tightening, "keep", is_killed)
        assert tightfit(*question, *few) == 130
    assert not folder.results().records
    late = ("--limit", "macs", "--within", "0.01s")
    found = ask("tighten", "interrupted", *late, code=0, limits=limits)
    assert found["cost"]["trained"] == 0
    (record,) = folder.results().records
    assert found["trial"] == 0
    assert record.origin == TIGHTENED
    assert record.measurement.value("macs") == found["reached"]
    with monkeypatch.context() as patch:
        patch.setattr(ConsoleWatcher, "record", interrupt)
        assert tightfit(*question, *few) == 130
    _, again = folder.results().records
    assert again.candidate != record.candidate
    assert (folder.candidate(again.candidate) / "model.onnx").is_file()


@pytest.mark.slow
def test_a_metric_that_is_read_where_it_is_named_is_read_while_it_is_tightened(
    ask: Ask, study: Path
) -> None:
    limits = '["load_ms <= 20 * baseline", "agreement >= 0.05", "accuracy >= 0.1"]'
    sure = ("--set", "confident=true")
    folder = RunFolder(study.parent / "runs" / "named")
    load = ("--limit", "load_ms", "--trials", 1)
    found = ask("tighten", "named", *load, *sure, code=0, limits=limits)
    record = folder.results().records[found["trial"]]
    # The whole interval keeps the bound, as the study asks of it.
    assert found["reached"] == record.measurement["load_ms"].interval.high
    late = ("--limit", "agreement", "--within", "0.01s")
    found = ask("tighten", "named", *late, *sure, code=0, limits=limits)
    assert found["reached"] == record.measurement["agreement"].interval.low
    found = ask("decide", "named", *sure, code=0, limits=limits)
    assert found["witness"]["verified"]
    assert found["cost"]["trained"] == 0


@pytest.mark.slow
def test_nothing_is_trained_when_the_time_is_up_before(ask: Ask) -> None:
    found = ask("decide", "late", "--within", "0.01s", code=1)
    assert found["answer"] == "not found"
    assert found["message"] == "the time is up"
    assert found["cost"]["trained"] == 0


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("1.5h", 5400.0)])
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["30", "m", "0m", "-3m", "3d"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--within takes a time such as 90s, 30m or 2h"):
        seconds_of(text)


def test_a_question_about_nothing_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert tightfit("whatif", tmp_path) == 2
    assert "is not a run" in capsys.readouterr().err
    study = tiny_study(tmp_path)
    assert tightfit("tighten", study, "--limit", "latency", "--to", tmp_path / "run") == 2
    assert "did you mean 'latency_ms'" in capsys.readouterr().err
    for unread in ("load_ms", "agreement"):
        assert tightfit("tighten", study, "--limit", unread, "--to", tmp_path / "run") == 2
        assert "which this study does not read; name it in" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
