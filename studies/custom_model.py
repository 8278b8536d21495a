"""A network and data of one's own, for `custom_model.toml`: copy both and change them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SmallNet(nn.Module):
    """Three convolutions and a classifier, for pictures of 1x20x20 of four kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        )  # fmt: skip
        self.classifier = nn.Linear(128, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return scores ``[N, 4]`` of pictures ``[N, 1, 20, 20]``."""
        scores: Tensor = self.classifier(self.features(inputs).mean((2, 3)))
        return scores


def make_model() -> nn.Module:
    """Return the network; its weights may be random, then the study trains it."""
    return SmallNet()


def make_data() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return (inputs, targets) for training, validation and test: squares in four corners."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> tuple[Tensor, Tensor]:
        targets = torch.randint(4, (count,), generator=generator)
        inputs = 0.5 * torch.randn(count, 1, 20, 20, generator=generator)
        starts = torch.randint(0, 6, (count, 2), generator=generator)
        for picture, target, (row, column) in zip(
            inputs, targets.tolist(), starts.tolist(), strict=True
        ):
            top, left = row + 10 * (target // 2), column + 10 * (target % 2)
            picture[0, top : top + 4, left : left + 4] += 1.0
        return inputs, targets

    return split(2000), split(400), split(400)


def add_noise(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return inputs with a little noise; all randomness comes from the generator."""
    return inputs + 0.1 * torch.randn(inputs.shape, generator=generator)
