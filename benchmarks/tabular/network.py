"""The network of the tabular benchmark."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two convolutions beside a skip."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        stride = 1 if inner == outer else 2
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outer)
        self.skip = nn.Conv2d(inner, outer, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(y + self.skip(x))


class SmallResNet(nn.Module):
    """Three residual blocks, 78,000 weights, for pictures of 1x28x28."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTHS[0], 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()
        )
        self.layer1 = Block(WIDTHS[0], WIDTHS[0])
        self.layer2 = Block(WIDTHS[0], WIDTHS[1])
        self.layer3 = Block(WIDTHS[1], WIDTHS[2])
        self.head = nn.Linear(WIDTHS[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores ``[N, 10]`` of pictures ``[N, 1, 28, 28]``."""
        x = self.layer3(self.layer2(self.layer1(self.stem(x))))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


def make_model() -> nn.Module:
    """Return the network with new weights; the study trains it."""
    return SmallResNet()
