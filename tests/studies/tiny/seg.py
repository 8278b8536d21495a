"""A user's own task that is no classification: which pixels belong to the square?"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = 2


class SegmentationNet(nn.Module):
    """Down by a strided convolution, up by a transposed one, with a skip, for 1x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1)
        self.down = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.inner = nn.Conv2d(32, 32, 3, padding=1)
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.head = nn.Conv2d(32, CLASSES, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        fine = torch.relu(self.stem(inputs))
        x = torch.relu(self.norm(self.down(fine)))
        x = torch.relu(self.up(torch.relu(self.inner(x))))
        scores: Tensor = self.head(torch.cat([fine, x], 1))
        return scores


def make_net() -> nn.Module:
    return SegmentationNet()


def make_data() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Bright squares of side 6 in noise, with the pixels that they cover: 200, 60 and 60."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> tuple[Tensor, Tensor]:
        targets = torch.zeros(count, 16, 16, dtype=torch.long)
        corners = torch.randint(0, 10, (count, 2), generator=generator)
        for mask, (row, column) in zip(targets, corners.tolist(), strict=True):
            mask[row : row + 6, column : column + 6] = 1
        noise = 0.3 * torch.randn(count, 1, 16, 16, generator=generator)
        return targets.unsqueeze(1) + noise, targets

    return split(200), split(60), split(60)


def pixel_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets)


def mean_iou(outputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Mean over pictures of the intersection over union of both classes."""
    found = outputs.argmax(1)
    scores = torch.zeros(len(targets), dtype=torch.float64)
    for label in range(CLASSES):
        both = ((found == label) & (targets == label)).sum((1, 2))
        either = ((found == label) | (targets == label)).sum((1, 2))
        scores += both / either / CLASSES
    return float(scores.mean()), float(scores.std() / len(scores) ** 0.5)
