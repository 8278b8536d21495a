"""Agreement and negative flips: what became of the uncompressed network's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn

from tests.objectives.learning import outlines
from tests.objectives.quality_metrics.conftest import DATA, Answers, Modules
from tightfit import Kind, MeasurementError, SpecError, Stage
from tightfit.objectives.data import Split, make_data
from tightfit.objectives.quality_metrics import (
    QUALITY_METRICS,
    QualityMetric,
    Subject,
    WantedQuality,
)
from tightfit.objectives.quality_metrics.agreement import AGREEMENT
from tightfit.objectives.quality_metrics.negative_flips import NEGATIVE_FLIPS

Judged = Callable[..., Subject]
TRUTH = DATA.validation.targets.tolist()


def wrong(*positions: range) -> list[int]:
    """The right classes, but for those at some positions."""
    missed = {each for some in positions for each in some}
    return [(right + 1) % 10 if k in missed else right for k, right in enumerate(TRUTH)]


def test_agreement_counts_every_answer_that_stays_also_wrong_ones(judged: Judged) -> None:
    subject = judged(Answers(wrong(range(30), range(60, 75))), Answers(wrong(range(30))))
    reading = AGREEMENT.measure(subject)
    assert reading.value == pytest.approx(285 / 300)
    assert reading.stderr == pytest.approx((0.95 * 0.05 / 300) ** 0.5)
    assert (reading.kind, reading.stage, reading.repeats) == (Kind.MEASURED, Stage.LEARNED, 300)


def test_negative_flips_were_right_before(judged: Judged) -> None:
    subject = judged(Answers(wrong(range(20, 50))), Answers(wrong(range(30))))
    assert NEGATIVE_FLIPS.measure(subject).value == pytest.approx(20 / 300)


def test_the_baseline_agrees_with_itself(judged: Judged) -> None:
    subject = judged(Answers(wrong(range(30))), Answers(wrong(range(30))))
    assert AGREEMENT.measure(subject).value == 1.0
    assert NEGATIVE_FLIPS.measure(subject).value == 0.0


def test_each_file_is_asked_once_and_the_baseline_once_for_all_candidates(judged: Judged) -> None:
    runtime = Modules({"candidate": Answers(TRUTH * 2), "baseline": Answers(TRUTH)})
    first = judged(nn.Identity(), runtime=runtime)
    wanted = WantedQuality((AGREEMENT, NEGATIVE_FLIPS))
    assert wanted.readings(first)["agreement"].value == 1.0
    wanted.readings(replace(first))
    assert sorted(runtime.opened) == ["baseline", "candidate", "candidate"]


def test_answers_to_a_split_of_another_length_are_asked_anew(judged: Judged) -> None:
    subject = judged(Answers(TRUTH), Answers(TRUTH))
    assert len(subject.baseline_answers) == 300
    fewer = DATA.validation.take(torch.arange(100))
    again = judged(Answers(TRUTH), Answers(TRUTH), split=fewer)
    assert len(again.baseline_answers) == 100


def test_answers_to_other_inputs_of_another_file_or_runtime_are_asked_anew(judged: Judged) -> None:
    class Other(Modules):
        @property
        def name(self) -> str:
            return "another runtime"

    def answered(answers: list[int], **changes: object) -> list[int]:
        found = judged(nn.Identity(), Answers(answers), **changes).baseline_answers.tolist()
        assert isinstance(found, list)
        return found

    first, second, third, fourth = (wrong(range(n)) for n in (0, 10, 20, 30))
    assert answered(first) == answered(second) == first
    back = DATA.validation.take(torch.arange(299, -1, -1))
    assert answered(second, split=back) == second
    assert answered(third, runtime=Other({"baseline": Answers(third)})) == third
    judged(nn.Identity()).baseline.write_bytes(b"another network")
    assert answered(fourth) == fourth


def test_outputs_that_are_no_scores_of_classes_are_refused(judged: Judged) -> None:
    with pytest.raises(MeasurementError, match=r"outputs \[N, classes\], got outputs of \(250, 1"):
        AGREEMENT.measure(judged(nn.Identity()))


def test_nothing_is_taken_that_is_not_named(judged: Judged) -> None:
    runtime = Modules({})
    assert WantedQuality().readings(judged(nn.Identity(), runtime=runtime)) == {}
    assert runtime.opened == []


@pytest.mark.parametrize("metric", QUALITY_METRICS, ids=lambda each: each.metric.name)
def test_every_metric_is_measured_on_the_trained_network(metric: QualityMetric) -> None:
    assert metric.metric.stage is Stage.LEARNED
    assert metric.metric.kind is Kind.MEASURED


@pytest.mark.parametrize("name", ["agreement", "accuracy_shifted"])
def test_targets_that_are_no_classes_are_refused_with_the_metrics_name(name: str) -> None:
    wanted = WantedQuality([each for each in QUALITY_METRICS if each.metric.name == name])
    with pytest.raises(SpecError, match=f"'{name}' compares classes, .* 'outlines' are torch.int"):
        wanted.check(outlines())


def test_inputs_that_are_no_pictures_are_refused_with_the_metrics_name() -> None:
    split = Split(torch.zeros(8, 4), torch.arange(8) % 2)
    data = make_data("rows", train=split, validation=split, test=None)
    wanted = WantedQuality([each for each in QUALITY_METRICS if "shifted" in each.metric.name])
    with pytest.raises(SpecError, match=r"'accuracy_shifted' changes pictures .* 'rows' are \[4\]"):
        wanted.check(data)
    WantedQuality((AGREEMENT,)).check(data)
