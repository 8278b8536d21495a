"""A user's own network, data and score, as they lie beside a study file."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OwnNet(nn.Module):
    """Two convolutions, a residual sum and a classifier, for pictures of 1x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.inner = nn.Conv2d(16, 16, 3, padding=1)
        self.widen = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.head = nn.Linear(32, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(inputs)))
        x = x + torch.relu(self.inner(x))
        x = torch.relu(self.widen(x))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


def make_net() -> nn.Module:
    return OwnNet()


def make_data() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Bars at three heights in noise: 240 pictures to learn from, 90 and 90 to judge by."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> tuple[Tensor, Tensor]:
        targets = torch.arange(count) % 3
        inputs = 0.3 * torch.randn(count, 1, 16, 16, generator=generator)
        for row, target in enumerate(targets.tolist()):
            inputs[row, 0, 2 + 5 * target : 5 + 5 * target] += 1.0
        return inputs, targets

    return split(240), split(90), split(90)


def make_data_with_a_wrong_test() -> tuple[tuple[Tensor, Tensor], ...]:
    """The same, but what is learned is wrong on the test split."""
    train, validation, (inputs, targets) = make_data()
    return train, validation, (inputs, (targets + 1) % 3)


def same(inputs: Tensor, _generator: torch.Generator) -> Tensor:
    return inputs


def error_rate(outputs: Tensor, targets: Tensor) -> tuple[float, float]:
    wrong = float((outputs.argmax(1) != targets).double().mean())
    return wrong, (wrong * (1 - wrong) / len(targets)) ** 0.5
