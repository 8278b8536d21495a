"""What a file folds into a layer is what the network computes, under names of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.bad_models import PICTURE, Model, conv
from tests.spaces.nets import calibrated, everywhere, pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings


class Normed(nn.Module):
    """Pictures ``[1, T, 8]`` as tokens, a linear layer, and a norm over the tokens."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.mix, self.norm = nn.Linear(8, width), nn.BatchNorm1d(tokens)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.norm(self.mix(x[:, 0]))).mean(1))
        return scores


class Block(nn.Module):
    """A convolution of its own weights, a norm, and a bias that is added behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 3, 3, 3) / 5)
        self.bias = nn.Parameter(torch.randn(8, 1, 1))
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(F.conv2d(x, self.weight, padding=1)) + self.bias)


def read_again(m: Any, x: Tensor) -> Tensor:
    rows = m.norm(m.a(x)).relu().mean((2, 3)) @ m.a.weight.flatten(1)
    scores: Tensor = m.head(rows)
    return scores


def transposed(m: Any, x: Tensor) -> Tensor:
    scores: Tensor = m.head(m.enc(x[:, 0]).relu() @ m.enc.weight)
    return scores


def settled(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return a model whose norms have seen data, and whose gains are uneven."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    with torch.no_grad():
        model.train()(pictures(shape, 16))
    return model.eval()


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "tokens": (lambda: Normed(16, 12), (1, 16, 8)),
    "as many tokens as channels": (lambda: Normed(16, 16), (1, 16, 8)),
    "weights that are read again": (
        lambda: Model(read_again, a=conv(), norm=nn.BatchNorm2d(16), head=nn.Linear(27, 5)),
        PICTURE),
    "weights of an encoder and its decoder": (
        lambda: Model(transposed, enc=nn.Linear(8, 16), head=nn.Linear(8, 5)), (1, 4, 8)),
    "a bias of the block's own": (
        lambda: nn.Sequential(Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5)),
        PICTURE),
}  # fmt: skip


def built(name: str, bits: int | None) -> tuple[nn.Module, Network]:
    torch.manual_seed(0)
    factory, shape = MODELS[name]
    model = settled(factory(), shape)
    settings = SpaceSettings(quantization=QuantizationSettings(bits=(None, 8)))
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=settings)
    return model, calibrated(space.build(everywhere(space, "bits", bits)))


@pytest.mark.parametrize("bits", [None, 8])
@pytest.mark.parametrize("name", MODELS)
def test_a_file_computes_what_its_model_does(name: str, bits: int | None) -> None:
    model, network = built(name, bits)
    inputs = pictures(network.input_shape, 8)
    with torch.no_grad():
        wanted, found, written = model(inputs), network(inputs), network.deployed()(inputs)
    rounding = 0.1 if bits else 1e-5
    assert (found - wanted).abs().max() <= rounding * wanted.abs().max()
    assert (written - found).abs().max() <= rounding * wanted.abs().max()


def test_a_norm_over_tokens_stays_a_norm() -> None:
    _, network = built("tokens", None)
    written = [node.operator for node in network.program().graph.nodes]
    assert written.count("batch_norm") == 1
