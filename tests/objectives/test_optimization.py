from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from tests.objectives.learning import SmallNet
from tightfit import SpecError
from tightfit.objectives.optimization import TrainingSettings, learned_tensors, make_optimizer, pace


def test_the_learning_rate_rises_linearly_and_falls_along_half_a_cosine() -> None:
    rates = [pace(step, 100, warm_up=0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert rates[55] == pytest.approx(0.5)
    assert all(earlier > later for earlier, later in pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.001


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warm_up", [0.0, 0.1, 1.0])
def test_the_shortest_trainings_have_a_learning_rate(steps: int, warm_up: float) -> None:
    rates = [pace(step, steps, warm_up=warm_up) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)


def test_norms_and_biases_do_not_decay() -> None:
    net = SmallNet()
    optimizer = make_optimizer(learned_tensors(net), TrainingSettings(weight_decay=0.25))
    decayed, kept = optimizer.param_groups
    assert decayed["weight_decay"] == 0.25
    assert kept["weight_decay"] == 0.0
    assert {id(each) for each in decayed["params"]} == {
        id(net.conv1.weight),
        id(net.conv2.weight),
        id(net.head.weight),
    }
    assert len(kept["params"]) == 5


def test_frozen_parameters_are_left_out() -> None:
    net = SmallNet()
    net.conv1.weight.requires_grad_(False)
    optimizer = make_optimizer(learned_tensors(net), TrainingSettings())
    assert all(
        each is not net.conv1.weight for group in optimizer.param_groups for each in group["params"]
    )


def test_the_optimizer_is_the_one_that_was_chosen() -> None:
    net = SmallNet()
    assert isinstance(make_optimizer(learned_tensors(net), TrainingSettings()), torch.optim.SGD)
    adamw = make_optimizer(learned_tensors(net), TrainingSettings(optimizer="adamw"))
    assert isinstance(adamw, torch.optim.AdamW)
    plain = make_optimizer(learned_tensors(net), TrainingSettings(momentum=0.0))
    assert plain.defaults["nesterov"] is False


@pytest.mark.parametrize(
    ("name", "value", "law"),
    [
        ("batch_size", 0, "at least 1"),
        ("calibration_batches", 0, "at least 1"),
        ("momentum", 1.5, r"in 0\.\.1"),
        ("warm_up", -0.1, r"in 0\.\.1"),
        ("quantized_share", float("nan"), r"in 0\.\.1"),
        ("weight_decay", -1.0, ">= 0"),
        ("clip_norm", 0.0, "above 0"),
        ("seconds", -3.0, "above 0"),
        ("optimizer", "lion", "'sgd' or 'adamw'"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: object, law: str) -> None:
    with pytest.raises(SpecError, match=rf"'training\.{name}' must .*{law}"):
        TrainingSettings(**{name: value})  # type: ignore[arg-type]
