from __future__ import annotations

import time

import pytest
import torch
from torch import nn

from tightfit.objectives.fine_tuning import Effort, FineTuning


class Weight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))


def add_seed(model: nn.Module, seed: int, _effort: Effort) -> nn.Module:
    with torch.no_grad():
        model.get_parameter("value").add_(float(seed))
    return model


def value(model: nn.Module) -> float:
    return float(model.get_parameter("value").detach())


def test_every_seed_starts_from_the_same_weights_and_the_first_is_delivered() -> None:
    tune = FineTuning(add_seed, value, repeats=3)
    delivered, tuning = tune(Weight(), 7)
    assert value(delivered) == 7
    assert tuning.other_accuracies == (1_000_010, 2_000_013)
    assert len(tuning.seconds) == 3
    assert tuning.peak_kb == ()


def test_a_network_that_is_trained_once_is_not_copied() -> None:
    model = Weight()
    delivered, tuning = FineTuning(add_seed, value)(model, 1)
    assert delivered is model
    assert tuning.other_accuracies == ()


def test_the_memory_of_a_training_is_what_it_adds() -> None:
    def hungry(model: nn.Module, _seed: int, _effort: Effort) -> nn.Module:
        torch.ones(10_000_000)
        return model

    _, tuning = FineTuning(hungry, value, memory=True)(Weight(), 0)
    assert tuning.peak_kb[0] == pytest.approx(40_000, rel=0.1)


def test_what_is_done_in_a_pause_is_no_effort_of_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)

    def looked_at(model: nn.Module, _seed: int, effort: Effort) -> nn.Module:
        nonlocal now
        torch.ones(5_000_000)
        now += 1
        with effort.suspended():
            torch.ones(50_000_000)
            now += 100
        torch.ones(10_000_000)
        now += 1
        return model

    _, tuning = FineTuning(looked_at, value, memory=True)(Weight(), 0)
    assert tuning.peak_kb[0] == pytest.approx(40_000, rel=0.1)
    assert tuning.seconds == (2.0,)
