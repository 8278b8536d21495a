"""How much worse a network is than another, on the same inputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.objectives.learning import fashion
from tightfit.objectives.damage import DamageMeter
from tightfit.objectives.task import classification

DATA = fashion()
TASK = classification()


class Knowing(nn.Module):
    """Gives the right class of the validation split with a margin, plus noise."""

    def __init__(self, margin: float, noise: float = 0.0) -> None:
        super().__init__()
        self.margin, self.noise = margin, noise
        flat = DATA.normalize(DATA.validation.inputs).flatten(1)
        self.register_buffer("known", flat)
        self.targets = DATA.validation.targets

    def forward(self, inputs: Tensor) -> Tensor:
        nearest = torch.cdist(inputs.flatten(1), self.known).argmin(1)  # type: ignore[arg-type]
        right = nn.functional.one_hot(self.targets[nearest], 10).float()
        generator = torch.Generator().manual_seed(0)
        return self.margin * right + self.noise * torch.randn(right.shape, generator=generator)


def test_a_network_is_no_worse_than_itself() -> None:
    meter = DamageMeter(DATA, TASK, Knowing(2.0), inputs=64)
    found = meter(Knowing(2.0))
    assert (found.loss, found.stderr, found.quality) == (0.0, 0.0, 0.0)


def test_what_is_less_sure_has_a_larger_loss_and_the_same_score() -> None:
    meter = DamageMeter(DATA, TASK, Knowing(2.0), inputs=64)
    found = meter(Knowing(1.0))
    # log(exp(m) + 9) - m for both margins
    assert found.loss == pytest.approx(1.4612 - 0.7966, abs=1e-3)
    assert found.stderr == pytest.approx(0.0, abs=1e-6)
    assert found.quality == 0.0


def test_what_is_wrong_more_often_is_worse_by_that() -> None:
    meter = DamageMeter(DATA, TASK, Knowing(2.0), inputs=64)
    found = meter(Knowing(-2.0))
    assert found.quality == 1.0
    assert found.loss > 1


def test_the_error_says_how_far_the_blocks_lie_apart() -> None:
    meter = DamageMeter(DATA, TASK, Knowing(2.0), inputs=64)
    noisy = meter(Knowing(2.0, noise=1.0))
    assert 0 < noisy.stderr < 0.5
    assert meter(Knowing(2.0, noise=0.1)).stderr < noisy.stderr


@pytest.mark.parametrize("inputs", [5, 17, 100, 133])
def test_each_input_counts_alike_whatever_its_block(inputs: int) -> None:
    meter = DamageMeter(DATA, TASK, Knowing(2.0), inputs=inputs)
    noisy = Knowing(2.0, noise=1.0)
    pictures = DATA.normalize(DATA.validation.inputs)
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))[:inputs]
    parts = torch.split(order, 128)
    answers = torch.cat([noisy(pictures[part]) for part in parts])
    loss = float(TASK.penalty(answers, DATA.validation.targets[order]))
    assert meter(noisy).loss == pytest.approx(loss - meter.loss, abs=1e-5)
    assert 0 < meter(noisy).stderr < 1
