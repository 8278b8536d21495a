"""Models as users bring them: each is unusual in one way that is not its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PICTURE = (3, 8, 8)


class Model(nn.Module):
    """A convolution ``a``, a classifier ``t``, and whatever else; its forward is a function."""

    def __init__(
        self, forward: Callable[[Any, Tensor], object] | None = None, **parts: nn.Module | Tensor
    ) -> None:
        super().__init__()
        self.a, self.t = conv(), tail()
        self.written = forward or (lambda m, x: m.t(m.a(x)))
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, x: Tensor) -> object:
        return self.written(self, x)


def conv(inputs: int = 3, outputs: int = 16) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def tail(width: int = 16) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def plain() -> nn.Sequential:
    """Return two convolutions with a norm that has seen data, and a classifier."""
    model = nn.Sequential(conv(), nn.BatchNorm2d(16), nn.ReLU(), conv(16, 16), nn.ReLU(), tail())
    with torch.no_grad():
        model(torch.randn(64, *PICTURE, generator=torch.Generator().manual_seed(0)))
    return model.eval()


def perceptron() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 32),
        nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 4),
    )  # fmt: skip


class Encoder(nn.Module):
    """Attention over a sequence ``[T, 16]``, and a classifier of its last step."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, **options)  # type: ignore[arg-type]
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.body(x)[:, -1])
        return scores


class Remembering(nn.Module):
    """Attention over a sequence ``[T, 16]`` with a learned key, one of zeros, and its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.MultiheadAttention(
            16, 4, batch_first=True, add_bias_kv=True, add_zero_attn=True
        )
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.mix(x, x, x, attn_mask=torch.eye(x.shape[1]))[0].mean(1))
        return scores


class Recurrent(nn.Module):
    """A recurrent layer over a sequence ``[T, 6]``."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.steps, self.head = kind(6, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.steps(x)[0][:, -1])
        return scores


class TiedLayers(nn.Module):
    """Two layers with one weight and a bias each, between an embedding and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mid, self.out = nn.Linear(12, 24), nn.Linear(24, 24), nn.Linear(24, 24)
        self.out.weight = self.mid.weight
        self.head = nn.Linear(24, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.mid(torch.relu(self.embed(x))))
        scores: Tensor = self.head(torch.relu(self.out(x)))
        return scores


class TiedHeads(nn.Module):
    """Two heads with one weight, read from the same hidden numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(12, 24)
        self.near, self.far = nn.Linear(24, 6, bias=False), nn.Linear(24, 6, bias=False)
        self.far.weight = self.near.weight

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.body(x))
        scores: Tensor = self.near(x) + self.far(torch.tanh(x))
        return scores


class Autoencoder(nn.Module):
    """Its decoder is the transposed weight of its encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(12, 24)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.relu(self.encode(x)), self.encode.weight.t())


class ParametersOutside(nn.Module):
    """Every weight is a parameter of its own, in a list, a dictionary and an attribute."""

    def __init__(self) -> None:
        super().__init__()
        sides = ((16, 3), (16, 16))
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(*s, 1, 1) / 4) for s in sides])
        self.named = nn.ParameterDict({"head": nn.Parameter(torch.randn(5, 16))})
        self.gain = nn.Parameter(torch.rand(16, 1, 1))
        self.shift = nn.Parameter(torch.rand(1, 16, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = torch.relu(F.conv2d(x, weight) * self.gain + self.shift)
        return F.linear(x.mean((2, 3)), self.named["head"])


class OnlyEvaluated(Model):
    """Refuses to be trained, and to run as if it were."""

    def train(self, mode: bool = True) -> OnlyEvaluated:
        if mode:
            raise RuntimeError("it was fused, and cannot be trained")
        super().train(False)
        return self

    def forward(self, x: Tensor) -> object:
        if self.training:
            raise RuntimeError("it was fused, and cannot be trained")
        return super().forward(x)


class Symmetric(nn.Module):
    """A parametrization: the mean of a matrix and its transposed one."""

    def forward(self, weight: Tensor) -> Tensor:
        return (weight + weight.T) / 2


class TwoInputs(nn.Module):
    """Wants a picture and a mask."""

    def __init__(self, *, needed: bool) -> None:
        super().__init__()
        self.layers, self.needed = nn.Sequential(conv(), tail()), needed

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.needed and mask is None:
            raise TypeError("no mask")
        scores: Tensor = self.layers(x if mask is None else x * mask)
        return scores


class Nested(nn.Module):
    """A module that cannot be copied, inside of others."""

    def __init__(self, held: object) -> None:
        super().__init__()
        self.inner = Model()
        self.inner.held = held  # type: ignore[assignment]

    def forward(self, x: Tensor) -> object:
        return self.inner(x)
