from __future__ import annotations

import math
from typing import cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Direction, Kind, MeasurementError, SpecError, Stage
from tightfit.objectives.task import Loss, Score, Task, accuracy, classification, quality_metric

SCORES = torch.tensor([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0], [1.0, 0.0, 0.5], [0.0, 0.1, 0.2]])
CLASSES = torch.tensor([0, 1, 2, 2])


def with_parts(*, loss: Loss | None = None, score: Score | None = None) -> Task:
    task = classification()
    return Task(loss or task.loss, score or task.score, task.metric, task.augment)


def test_accuracy_is_the_share_of_right_answers_with_its_binomial_error() -> None:
    value, stderr = accuracy(SCORES, CLASSES)
    assert value == pytest.approx(0.75)
    assert stderr == pytest.approx(math.sqrt(0.75 * 0.25 / 4))


def test_classification_is_measured_by_accuracy_in_the_learned_stage() -> None:
    metric = classification().metric
    assert (metric.name, metric.direction) == ("accuracy", Direction.MAXIMIZE)
    assert (metric.stage, metric.kind) == (Stage.LEARNED, Kind.MEASURED)


def test_classification_learns_by_cross_entropy() -> None:
    loss = classification().penalty(SCORES, CLASSES)
    assert float(loss) == pytest.approx(float(F.cross_entropy(SCORES, CLASSES)))


def test_label_smoothing_spreads_some_of_the_target() -> None:
    loss = classification(label_smoothing=0.3).penalty(SCORES, CLASSES)
    spread = 0.7 * F.one_hot(CLASSES, 3) + 0.1
    assert float(loss) == pytest.approx(float(F.cross_entropy(SCORES, spread)))


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_label_smoothing_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(SpecError, match=r"label smoothing must lie in \[0, 1\)"):
        classification(label_smoothing=share)


def test_a_users_score_has_its_name_and_direction() -> None:
    metric = quality_metric("error_rate", Direction.MINIMIZE)
    assert (metric.name, metric.direction) == ("error_rate", Direction.MINIMIZE)
    assert metric.stage is Stage.LEARNED


def test_a_score_may_return_tensors() -> None:
    task = with_parts(score=cast(Score, lambda o, t: ((o.argmax(1) == t).float().mean(), 0)))
    assert task.measure(SCORES, CLASSES) == (0.75, 0.0)


@pytest.mark.parametrize(
    "score",
    [
        lambda _outputs, _targets: 0.5,
        lambda _outputs, _targets: (1.0, 2.0, 3.0),
        lambda outputs, _targets: outputs[:, 7],
        lambda _outputs, _targets: ("high", 0.1),
    ],
)
def test_a_score_that_is_not_two_numbers_is_said_to_be(score: Score) -> None:
    with pytest.raises(MeasurementError, match=r"'accuracy' must return \(value, standard error\)"):
        with_parts(score=score).measure(SCORES, CLASSES)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda outputs, targets: F.mse_loss(outputs, targets.view(2, 2)),
            r"'loss' must turn .* for outputs \[4, 3\] and targets \[4\] it failed: ",
        ),
        (lambda _outputs, _targets: 0.3, r"'loss' must turn .*'float'"),
        (lambda outputs, _targets: outputs.sum(1), r"must return a scalar tensor, got .*\[4\]"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
def test_a_loss_that_does_not_fit_is_named(loss: Loss, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        with_parts(loss=loss).penalty(SCORES, CLASSES)


def test_running_out_of_memory_is_not_blamed_on_the_loss() -> None:
    def greedy(_outputs: Tensor, _targets: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("16 GiB more than there is")

    def greedier(_outputs: Tensor, _targets: Tensor) -> Tensor:
        return torch.empty(10**15)

    with pytest.raises(torch.OutOfMemoryError, match="16 GiB"):
        with_parts(loss=greedy).penalty(SCORES, CLASSES)
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator"):
        with_parts(loss=greedier).penalty(SCORES, CLASSES)
