"""Quality metrics in a whole study: off until named, limits and objectives when they are."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tightfit import (
    Constraint,
    Direction,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    Sense,
    Stage,
)
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.studies.bench import Bench
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.session import reference_point
from tightfit.studies.study_file import parse_spec, read_study
from tightfit.studies.wording import quantity, title

NAMES = [each.metric.name for each in QUALITY_METRICS]
Capture = pytest.CaptureFixture[str]


def setting(key: str, *values: str) -> tuple[str, str]:
    return "--set", f"{key}={json.dumps(values)}"


def refused(capsys: Capture, study: Path, *arguments: str) -> str:
    assert tightfit("check", study, *arguments) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def records(study: Path) -> tuple[Record, ...]:
    """Of a run that limits two of them, trades one off and reports the others."""
    folder = study.parent / "run"
    code = tightfit(
        "run", study, "--to", folder, "--trials", 2,
        *setting("constraints", "accuracy >= 0.4", "negative_flips <= 0.01", "training_s <= 600"),
        *setting("objectives", "accuracy_shifted", "size_kb"),
        *setting("quality.metrics", "agreement", "accuracy_std", "training_ram_kb"),
        "--set", "quality.repeats=2",
        "--set", "quality.shifts.noise=0.02",
        "--set", "space.schedule.epochs=[1]",
        *setting("references.small_nets"),
        "--set", "references.from_scratch=false",
    )  # fmt: skip
    assert code in (0, 1)
    return RunFolder(folder).results().records


@pytest.mark.slow
def test_a_study_limits_and_trades_off_quality_metrics(records: tuple[Record, ...]) -> None:
    trained = [each for each in records if each.outcome is Outcome.EVALUATED]
    assert trained
    for record in trained:
        found = record.measurement
        assert "accuracy_adversarial" not in found
        assert "negative_flips <= 0.01" in record.violations
        kept = found.value("negative_flips") <= 0.01 and found.value("accuracy") >= 0.4
        assert record.feasible is kept
        # What is neither kept nor wrong twice was flipped one way or the other.
        assert found.value("negative_flips") <= 1 - found.value("agreement") + 1e-9
        assert found["accuracy_std"].repeats == 2
        assert found["training_s"].repeats == 2
        assert found.value("training_ram_kb") > 0
        assert found.value("accuracy_shifted") <= 1


@pytest.mark.slow
def test_the_baseline_has_those_that_need_no_fine_tuning(
    study: Path, records: tuple[Record, ...]
) -> None:
    assert records
    results = RunFolder(study.parent / "run").results()
    assert results.baseline.value("negative_flips") == 0.0
    assert results.baseline.value("agreement") == 1.0
    assert results.baseline.value("accuracy_shifted") > 0
    assert not {"training_s", "accuracy_std"} & set(results.baseline)
    assert results.quality.name == "accuracy"
    assert quantity(results.metrics["negative_flips"], 0.015) == "1.5 %"
    assert quantity(results.metrics["training_s"], 2.5) == "2.50 s"


@pytest.mark.slow
def test_files_of_other_seeds_are_not_left_behind(study: Path, records: tuple[Record, ...]) -> None:
    assert records
    left = {path.name for path in (study.parent / "run" / "candidates").rglob("*.onnx")}
    assert left <= {"model.onnx"}


def test_an_objective_without_a_limit_is_measured_from_a_tenth_beyond_the_baseline() -> None:
    def reading(value: float) -> Reading:
        return Reading(value, Kind.MEASURED, Stage.LEARNED)

    bench = SimpleNamespace(
        assembly=SimpleNamespace(
            objectives=(
                Objective("negative_flips", Direction.MINIMIZE),
                Objective("agreement", Direction.MAXIMIZE),
                Objective("size_kb", Direction.MINIMIZE),
            )
        ),
        constraints=(Constraint("size_kb", Sense.AT_MOST, 50.0),),
        baseline=Measurement({"negative_flips": reading(0.0), "agreement": reading(1.0)}),
    )
    assert reference_point(cast(Bench, bench)) == pytest.approx((0.1, 0.9, 50.0))


def test_an_upper_bound_is_called_one_wherever_its_name_stands() -> None:
    metrics = {each.metric.name: each.metric for each in QUALITY_METRICS}
    assert title(metrics["accuracy_adversarial"]) == "accuracy adversarial (upper bound)"
    assert title(metrics["accuracy_shifted"]) == "accuracy shifted"


def test_nothing_is_taken_until_it_is_named(study: Path) -> None:
    table = read_study(study).spec.quality
    assert table.metrics == ()
    assert table.repeats >= 2


def test_a_study_says_that_a_metric_trains_several_times(study: Path, capsys: Capture) -> None:
    assert tightfit("check", study, *setting("quality.metrics", "accuracy_std"), "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert "accuracy_std trains every candidate 3 times" in notes


def test_a_name_that_is_not_known_is_answered_with_the_nearest(
    study: Path, capsys: Capture
) -> None:
    found = refused(capsys, study, *setting("quality.metrics", "negative_flip"))
    assert "unknown quality metric 'negative_flip'; did you mean 'negative_flips'?" in found


@pytest.mark.parametrize("name", ["accuracy_std", "training_s", "training_ram_kb"])
def test_what_the_baseline_has_not_needs_a_number(study: Path, capsys: Capture, name: str) -> None:
    found = refused(capsys, study, *setting("constraints", f"{name} <= 0.5 * baseline"))
    assert f"'{name} <= 0.5 * baseline' needs a number: the baseline is not fine-tuned" in found
    found = refused(capsys, study, *setting("objectives", "accuracy", name))
    assert f"the objective '{name}' needs a limit as well" in found


def test_a_score_cannot_take_the_name_of_one_of_them(study: Path, capsys: Capture) -> None:
    own_score = ("--set", "quality.score=own:error_rate", "--set", "quality.name=agreement")
    found = refused(capsys, study, *own_score, *setting("objectives", "agreement"))
    assert "'quality.name' is 'agreement', a metric of ours" in found


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("training")])
def test_targets_that_are_no_classes_serve_none_of_them(
    study: Path, capsys: Capture, name: str
) -> None:
    segmentation = ("--set", "model.name=seg:make_net", "--set", "data.name=seg:make_data")
    arguments = (
        *segmentation,
        *("--set", "training.loss=seg:pixel_loss", "--set", "quality.score=seg:mean_iou"),
        *("--set", "quality.name=mean_iou"),
        *setting("constraints"),
        *setting("objectives", "mean_iou", "size_kb"),
        *setting("quality.metrics", name),
    )
    assert f"'{name}' compares classes" in refused(capsys, study, *arguments)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"repeats": 1}, "greater than or equal to 2"),
        ({"shifts": {"jpeg": 0}}, "greater than or equal to 1"),
        ({"attack": {"strength": 2.0}}, "less than or equal to 1"),
        ({"attack": {"steps": 0}}, "greater than or equal to 1"),
    ],
)
def test_strengths_that_mean_nothing_are_refused(table: dict[str, object], words: str) -> None:
    values = {"model": {"name": "x:y"}, "space": {"pruning": {}}, "quality": table}
    with pytest.raises(ValueError, match=words):
        parse_spec(values, "a study")
