from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.objectives.learning import (
    FLOAT,
    RoundingNet,
    SmallNet,
    fashion,
    outlines,
    quiet,
    steady,
    steady_pixels,
    teacher_of,
)
from tightfit import CandidateError, Direction, Distillation, Recipe, SpecError
from tightfit.objectives.augmentation import FLIP_AND_SHIFT
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import Task, classification, quality_metric
from tightfit.objectives.teacher import Teacher, make_views, prepare_teacher
from tightfit.objectives.training import Fit, Trainer, TrainingSettings

DATA = fashion()
TASK = classification()
SHORT = Recipe(epochs=2, learning_rate=0.05)
DISTILLED = replace(SHORT, distillation=Distillation(weight=0.9, temperature=4.0))


def trainer(
    *,
    data: Data = DATA,
    task: Task = TASK,
    teacher: Teacher | None = None,
    precision: Precision = FLOAT,
    fit: Fit | None = None,
    settings: TrainingSettings | None = None,
) -> Trainer:
    return Trainer(
        data=data,
        task=task,
        precision=precision,
        teacher=teacher,
        settings=settings or TrainingSettings(batch_size=64),
        fit=fit,
    )


def quality(model: nn.Module, data: Data = DATA, task: Task = TASK) -> float:
    with torch.no_grad():
        outputs = model(prepare_inputs(data, data.validation.inputs, data.input_shape))
    return task.measure(outputs, data.validation.targets)[0]


def weights(model: nn.Module) -> Tensor:
    return torch.cat([each.detach().flatten().float() for each in model.state_dict().values()])


@pytest.fixture(scope="module")
def taught() -> SmallNet:
    """A network that was trained well enough to teach."""
    net = trainer()(steady(1), Recipe(epochs=10, learning_rate=0.2), seed=0, progress=quiet)
    assert isinstance(net, SmallNet)
    return net


@pytest.fixture(scope="module")
def teacher(taught: SmallNet, tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    return teacher_of(taught, DATA, tmp_path_factory.mktemp("teacher"))


def test_a_network_learns_real_pictures(taught: SmallNet) -> None:
    assert quality(steady(1).eval()) < 0.3
    assert quality(taught) > 0.53
    assert not taught.training


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    first, again, other = (
        weights(trainer()(steady(), SHORT, seed=seed, progress=quiet)) for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_bfloat16_trains_about_as_float32_does() -> None:
    exact, rounded = (
        trainer(precision=Precision("cpu", bfloat16=bfloat16))(
            steady(), SHORT, seed=0, progress=quiet
        )
        for bfloat16 in (False, True)
    )
    assert all(each.dtype == torch.float32 for each in rounded.parameters())
    assert abs(quality(exact) - quality(rounded)) < 0.08


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    trainer()(steady(), replace(SHORT, epochs=1), seed=0, progress=quiet)
    assert torch.equal(torch.rand(3), expected)


def test_progress_is_told_every_step_and_the_loss_falls() -> None:
    told: list[tuple[int, int, float]] = []
    trainer()(steady(), SHORT, seed=0, progress=lambda *step: told.append(step))
    assert [(done, total) for done, total, _ in told] == [(step, 24) for step in range(1, 25)]
    assert sum(loss for *_, loss in told[-5:]) < sum(loss for *_, loss in told[:5])


def test_what_progress_raises_ends_the_training() -> None:
    class StopError(Exception):
        pass

    def stop(done: int, _total: int, _loss: float) -> None:
        if done == 3:
            raise StopError

    with pytest.raises(StopError):
        trainer()(steady(), SHORT, seed=0, progress=stop)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_divergence_is_said_with_its_step_and_learning_rate(optimizer: str) -> None:
    net = steady()
    with torch.no_grad():
        net.head.weight[0, 0] = float("nan")
    settings = TrainingSettings(batch_size=64, optimizer=optimizer)  # type: ignore[arg-type]
    message = r"diverged: the loss is nan in step 1 of 24 \(epoch 1\) at the learning rate 0.05"
    with pytest.raises(CandidateError, match=message):
        trainer(settings=settings)(net, SHORT, seed=0, progress=quiet)


def test_a_training_that_takes_too_long_is_ended() -> None:
    settings = TrainingSettings(batch_size=64, seconds=1e-9)
    with pytest.raises(CandidateError, match=r"longer than 1e-09 seconds: step 1 of 24"):
        trainer(settings=settings)(steady(), SHORT, seed=0, progress=quiet)


def test_a_student_comes_closer_to_its_teacher_than_labels_bring_it(
    teacher: Teacher, taught: SmallNet
) -> None:
    recipe = Recipe(epochs=6, learning_rate=0.05)
    distilled = replace(recipe, distillation=Distillation(weight=1.0, temperature=4.0))
    net = trainer(teacher=teacher)
    alone, student = (net(steady(5), each, seed=0, progress=quiet) for each in (recipe, distilled))

    def distance(model: nn.Module) -> float:
        inputs = prepare_inputs(DATA, DATA.validation.inputs, DATA.input_shape)
        with torch.no_grad():
            wanted, found = F.softmax(taught(inputs), 1), F.softmax(model(inputs), 1)
        return float((wanted - found).abs().sum(1).mean())

    assert distance(student) < 0.8 * distance(alone)


def test_a_teacher_is_not_asked_where_the_recipe_does_not_distil(teacher: Teacher) -> None:
    with_teacher = trainer(teacher=teacher)(steady(), SHORT, seed=0, progress=quiet)
    without = trainer()(steady(), SHORT, seed=0, progress=quiet)
    assert torch.equal(weights(with_teacher), weights(without))


def test_distilling_without_a_teacher_is_refused() -> None:
    with pytest.raises(CandidateError, match="the recipe distils, but there is no teacher"):
        trainer()(steady(), DISTILLED, seed=0, progress=quiet)


def test_the_last_steps_of_a_quantized_network_round() -> None:
    net = RoundingNet()
    trainer()(net, SHORT, seed=0, progress=quiet)
    steps = [entry for entry in net.log if "step" in entry]
    assert steps == ["float step"] * 14 + ["rounded step"] * 10
    others = [entry for entry in net.log if "step" not in entry]
    assert others == ["calibrated on 512", "biases from 64", "rounding True", "norms from 512"]


@pytest.mark.parametrize(("share", "rounded"), [(0.0, 0), (0.01, 0), (1.0, 24)])
def test_a_quantized_network_rounds_in_the_end_whatever_share_of_steps_does(
    share: float, rounded: int
) -> None:
    net = RoundingNet()
    settings = TrainingSettings(batch_size=64, quantized_share=share)
    trainer(settings=settings)(net, SHORT, seed=0, progress=quiet)
    assert net.log.count("rounded step") == rounded
    assert net.log.count("rounding True") == 1
    assert net.quantization


def test_a_network_that_is_not_quantized_only_gets_its_statistics() -> None:
    net = RoundingNet()
    net.quantized = False
    trainer()(net, SHORT, seed=0, progress=quiet)
    assert net.log == ["float step"] * 24 + ["norms from 512"]


def test_a_network_of_half_the_side_learns_from_the_same_teacher(teacher: Teacher) -> None:
    net = RoundingNet(input_shape=(1, 14, 14))
    net.quantized = False
    small = trainer(teacher=teacher)(
        net, replace(DISTILLED, epochs=6, learning_rate=0.2), seed=0, progress=quiet
    )
    with torch.no_grad():
        outputs = small(prepare_inputs(DATA, DATA.validation.inputs, (1, 14, 14)))
    assert TASK.measure(outputs, DATA.validation.targets)[0] > 0.4


def mean_iou(outputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return the mean over pictures and classes of intersection over union, and its error."""
    found, wanted = (F.one_hot(each, 3).bool() for each in (outputs.argmax(1), targets))
    both, any_ = (found & wanted).sum((1, 2)), (found | wanted).sum((1, 2))
    each = ((both + 1) / (any_ + 1)).mean(1)
    return float(each.mean()), float(each.std()) / len(each) ** 0.5


def test_pixels_are_told_apart_by_mean_iou(tmp_path: Path) -> None:
    data = outlines()
    task = Task(TASK.loss, mean_iou, quality_metric("mean_iou", Direction.MAXIMIZE), TASK.augment)
    recipe = Recipe(epochs=8, learning_rate=0.2)
    net = trainer(data=data, task=task)(steady_pixels(), recipe, seed=0, progress=quiet)
    assert quality(net, data, task) > 0.75
    teacher = prepare_teacher(
        net,
        data,
        augment=task.augment,
        views=2,
        seed=0,
        precision=FLOAT,
        folder=tmp_path,
        key="pixels",
        progress=lambda _done, _total: None,
    )
    distilled = replace(recipe, distillation=Distillation(weight=0.9, temperature=2.0))
    student = trainer(data=data, task=task, teacher=teacher)(
        steady_pixels(1), distilled, seed=0, progress=quiet
    )
    assert quality(student, data, task) > 0.7


def test_a_users_loss_that_does_not_fit_is_named() -> None:
    task = replace(TASK, loss=lambda outputs, targets: (outputs - targets).square())
    with pytest.raises(SpecError, match=r"'loss' must turn .* outputs \[64, 10\]"):
        trainer(task=task)(steady(), SHORT, seed=0, progress=quiet)


def test_a_users_loop_replaces_ours(teacher: Teacher) -> None:
    def fit(
        model: nn.Module,
        data: Data,
        epochs: int,
        teacher: Teacher | None,
        seed: int,
        progress: Progress,
    ) -> nn.Module:
        assert (len(data.train), epochs, seed) == (768, 2, 9)
        assert teacher is not None
        assert teacher.outputs.shape == (4, 768, 10)
        nn.init.zeros_(next(model.parameters()))
        progress(1, 1, 0.25)
        return model

    told: list[tuple[int, int, float]] = []
    net = trainer(fit=fit, teacher=teacher)(
        steady().train(), SHORT, seed=9, progress=lambda *step: told.append(step)
    )
    assert not net.training
    assert not next(net.parameters()).any()
    assert told == [(1, 1, 0.25)]


def test_a_users_loop_gets_a_network_that_rounds_already() -> None:
    net = RoundingNet()
    trainer(fit=lambda model, *_: model)(net, SHORT, seed=0, progress=quiet)
    assert net.log == ["calibrated on 512", "rounding True"]


def fail(error: Exception) -> Callable[..., nn.Module]:
    def fit(*_arguments: object) -> nn.Module:
        raise error

    return fit


def test_a_users_loop_that_fails_is_the_candidates_failure() -> None:
    with pytest.raises(CandidateError, match="own fit failed: 'lr'"):
        trainer(fit=fail(KeyError("lr")))(steady(), SHORT, seed=0, progress=quiet)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("gone"), MemoryError("gone"), SpecError("gone")]
)
def test_errors_with_a_meaning_pass_through_a_users_loop(error: Exception) -> None:
    with pytest.raises(type(error), match=r"^gone$"):
        trainer(fit=fail(error))(steady(), SHORT, seed=0, progress=quiet)


def test_a_users_loop_must_return_the_model() -> None:
    nothing: Fit = lambda *_: None  # type: ignore[assignment]  # noqa: E731
    with pytest.raises(CandidateError, match="must return the model, got NoneType"):
        trainer(fit=nothing)(steady(), SHORT, seed=0, progress=quiet)
    with pytest.raises(CandidateError, match=r"must return the quantized model .* got a SmallNet"):
        trainer(fit=lambda *_: steady())(RoundingNet(), SHORT, seed=0, progress=quiet)


def test_views_of_a_teacher_are_not_written_to(teacher: Teacher) -> None:
    before = make_views(DATA.train.inputs, augment=FLIP_AND_SHIFT, views=4, seed=0)
    trainer(teacher=teacher)(steady(), DISTILLED, seed=0, progress=quiet)
    assert torch.equal(teacher.views, before)
