"""Real pictures, few of them, and small networks that learn them in a second."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.devices import Precision
from tightfit.objectives.seeding import seeded
from tightfit.objectives.task import classification
from tightfit.objectives.teacher import Teacher, prepare_teacher

FLOAT = Precision("cpu", bfloat16=False)


@cache
def fashion(train: int = 768, validation: int = 300) -> Data:
    """Return a slice of the embedded pictures, ``[N, 1, 28, 28]``."""
    whole = load_data("fashion_mnist_10k", root=None, seed=0, study_folder=Path())
    return make_data(
        "a little fashion",
        train=whole.train.take(torch.arange(train)),
        validation=whole.validation.take(torch.arange(validation)),
        test=None,
    )


@cache
def outlines(train: int = 384, validation: int = 128) -> Data:
    """Return the same pictures with what is to be cut out of them: where there is any cloth.

    Targets are classes of pixels, int64 ``[N, 28, 28]``: 0 for background, 1 for thin or dark
    cloth, 2 for bright cloth.
    """

    def cut(split: Split) -> Split:
        pixels = split.inputs[:, 0]
        return Split(split.inputs, (pixels > 20).long() + (pixels > 150).long())

    data = fashion(train, validation)
    return make_data("outlines", train=cut(data.train), validation=cut(data.validation), test=None)


class SmallNet(nn.Module):
    """Two convolutions with norms and a classifier."""

    def __init__(self, width: int = 16, *, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(inputs)))
        x = torch.relu(self.norm2(self.conv2(x)))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class PixelNet(nn.Module):
    """Scores of three classes for every pixel, ``[n, 3, H, W]``."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Conv2d(1, 8, 3, padding=1)
        self.outer = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.outer(torch.relu(self.inner(inputs)))
        return scores


class RoundingNet(SmallNet):
    """A network that writes down when it was calibrated and switched."""

    def __init__(self, *, input_shape: tuple[int, ...] = (1, 28, 28)) -> None:
        super().__init__()
        self.input_shape = input_shape
        self.quantized = True
        self.log: list[str] = []
        self._rounds = False

    @property
    def quantization(self) -> bool:
        return self._rounds

    @quantization.setter
    def quantization(self, rounds: bool) -> None:
        self.log.append(f"rounding {rounds}")
        self._rounds = rounds

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.log.append("rounded step" if self._rounds else "float step")
        return super().forward(inputs)

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        self.log.append(f"calibrated on {sum(map(len, batches))}")

    def learned_steps(self) -> list[Tensor]:
        return []

    def correct_biases(self, inputs: Tensor) -> None:
        self.log.append(f"biases from {len(inputs)}")

    def recalibrate_norms(self, batches: Iterable[Tensor]) -> None:
        self.log.append(f"norms from {sum(map(len, batches))}")


def steady(seed: int = 0) -> SmallNet:
    """Return a small net with weights that follow from the seed."""
    with seeded(seed):
        return SmallNet()


def steady_pixels(seed: int = 0) -> PixelNet:
    """Return a net of pixels with weights that follow from the seed."""
    with seeded(seed):
        return PixelNet()


def quiet(_done: int, _total: int, _loss: float) -> None:
    """Progress that nobody watches."""


def teacher_of(model: nn.Module, data: Data, folder: Path) -> Teacher:
    """Ask a network about four views of each training picture, flipped and shifted."""
    return prepare_teacher(
        model,
        data,
        augment=classification().augment,
        views=4,
        seed=0,
        precision=FLOAT,
        folder=folder,
        key="taught",
        progress=lambda _done, _total: None,
    )
