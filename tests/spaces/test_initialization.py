"""New weights begin where torch's own would: what multiplies as one, what is added near zero."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.spaces.bad_models import PICTURE, conv, tail
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.initialization import fresh
from tightfit.spaces.settings import QuantizationSettings, RoundingSettings, SpaceSettings


class Scaled(nn.Module):
    """A layer scale, a gate and a divisor, and a bias and a table that are added."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.t = conv(), tail()
        self.gamma, self.gate = nn.Parameter(torch.full((16,), 0.3)), nn.Parameter(torch.ones(1))
        self.width = nn.Parameter(torch.full((16, 1, 1), 2.0))
        self.places = nn.Parameter(torch.randn(1, 16, 8, 8))
        self.slope = nn.Parameter(torch.randn(16, 1, 1))
        self.mask = nn.Buffer(torch.full((16, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x) / self.width * self.gamma.reshape(1, -1, 1, 1) + self.places
        scores: Tensor = self.t(x * self.gate * (1 + self.slope) * self.mask)
        return scores


def test_what_multiplies_begins_at_one_and_what_is_added_near_zero() -> None:
    rounding = RoundingSettings(corrected_biases=False)
    settings = SpaceSettings(quantization=QuantizationSettings(rounding=rounding))
    space = CompressionSpace(Scaled(), torch.zeros(1, *PICTURE), settings=settings)
    network = space.build(space.search_space.baseline())
    found = fresh(network, 0)
    for name in ("gamma", "gate", "width"):
        assert torch.equal(found.tensor(name), torch.ones_like(found.tensor(name))), name
    for name in ("places", "slope"):
        assert 0 < found.tensor(name).abs().max() < 0.1, name
    assert torch.equal(found.tensor("mask"), network.tensor("mask"))
    assert found.rounding == network.rounding == rounding
