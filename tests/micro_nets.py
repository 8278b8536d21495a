"""Networks of the size that microcontrollers run, as they are published or close to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, int, int]


class Residual(nn.Module):
    """Two convolutions beside what they read."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(before, after, 3, stride)
        self.second = _conv(after, after, 3, rectified=False)
        thin = nn.Conv2d(before, after, 1, stride)
        self.skip = nn.Identity() if stride == 1 and before == after else thin

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.second(self.first(x)) + self.skip(x))


class Inverted(nn.Module):
    """A wide depthwise convolution between two thin layers."""

    def __init__(self, before: int, after: int, stride: int, wider: int) -> None:
        super().__init__()
        inside = before * wider
        self.expand = _conv(before, inside, 1)
        self.depthwise = _conv(inside, inside, 3, stride, groups=inside)
        self.project = _conv(inside, after, 1, rectified=False)
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + result if self.adds else result


def ds_cnn() -> nn.Module:
    """Return the keyword spotter of MLPerf Tiny: 49 moments of 10 coefficients."""
    layers: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64)),
        nn.ReLU(),
    ]
    for _ in range(4):
        layers += [_conv(64, 64, 3, groups=64), _conv(64, 64, 1)]
    return _classifier(layers, 64, 12)


def resnet8() -> nn.Module:
    """Return the classifier of MLPerf Tiny for pictures of CIFAR-10."""
    blocks = [Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)]
    return _classifier([_conv(3, 16, 3), *blocks], 64, 10)


def mobilenet() -> nn.Module:
    """Return the person detector of MLPerf Tiny: MobileNetV1, a quarter as wide."""
    widths = [8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    layers = [_conv(3, 8, 3, 2)]
    for before, after, stride in zip(widths, widths[1:], strides, strict=False):
        layers += [_conv(before, before, 3, stride, groups=before), _conv(before, after, 1)]
    return _classifier(layers, 256, 2)


def mobilenet_v2() -> nn.Module:
    """Return a narrow MobileNetV2."""
    blocks = [
        Inverted(8, 8, 1, 1), Inverted(8, 12, 2, 6), Inverted(12, 12, 1, 6), Inverted(12, 16, 2, 6),
        Inverted(16, 16, 1, 6), Inverted(16, 32, 2, 6), Inverted(32, 32, 1, 6),
    ]  # fmt: skip
    return _classifier([_conv(3, 8, 3, 2), *blocks], 32, 10)


def lenet() -> nn.Module:
    """Return LeNet-5, rectified."""
    first, second = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
    pictures = [first, nn.ReLU(), nn.MaxPool2d(2), second, nn.ReLU(), nn.MaxPool2d(2)]
    dense = [nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)]
    return nn.Sequential(*pictures, nn.Flatten(), *dense)


def two_layers() -> nn.Module:
    """Return two convolutions and a linear layer: the interpreter's tables are much of it."""
    return _classifier([_conv(1, 16, 3, 2), _conv(16, 32, 3, 2)], 32, 10)


def dense() -> nn.Module:
    """Return linear layers alone, as the anomaly detector of MLPerf Tiny has them."""
    widths = [640, 128, 128, 128, 8, 128, 128, 128]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


MICRO_NETS: Mapping[str, tuple[Callable[[], nn.Module], Shape]] = {
    "DS-CNN for keywords, 1x49x10": (ds_cnn, (1, 49, 10)),
    "ResNet-8, 3x32x32": (resnet8, (3, 32, 32)),
    "MobileNetV1 x 0.25, 3x96x96": (mobilenet, (3, 96, 96)),
    "MobileNetV2, narrow, 3x64x64": (mobilenet_v2, (3, 64, 64)),
    "LeNet, 1x28x28": (lenet, (1, 28, 28)),
    "two convolutions, 1x28x28": (two_layers, (1, 28, 28)),
    "linear layers, 5x128": (dense, (1, 5, 128)),
}


def micro_net(name: str) -> tuple[nn.Module, Shape]:
    """Return a network without training, and the shape of its pictures."""
    torch.manual_seed(0)
    make, shape = MICRO_NETS[name]
    return make().eval(), shape


def _conv(
    before: int, after: int, side: int, stride: int = 1, *, groups: int = 1, rectified: bool = True
) -> nn.Module:
    conv = nn.Conv2d(before, after, side, stride, side // 2, groups=groups, bias=False)
    behind = [nn.ReLU()] if rectified else []
    return nn.Sequential(conv, nn.BatchNorm2d(after), *behind)


def _classifier(layers: list[nn.Module], width: int, classes: int) -> nn.Module:
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers, *head)
