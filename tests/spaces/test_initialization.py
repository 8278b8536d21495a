"""New weights keep the scale: what multiplies begins as one, what is added near zero."""

from __future__ import annotations

import pytest
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


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Conv2d(64, 32, 3, groups=2), 32 * 9),
        (nn.ConvTranspose2d(64, 16, 3, padding=1), 64 * 9),
        (nn.ConvTranspose2d(64, 32, 4, stride=2), 64 * 4),
        (nn.ConvTranspose2d(64, 32, 3, padding=1, groups=4), 16 * 9),
    ],
)
def test_the_scale_follows_how_many_products_are_added(layer: nn.Module, fan_in: int) -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), layer)
    space = CompressionSpace(
        model, torch.zeros(1, 3, 8, 8), settings=SpaceSettings(quantization=QuantizationSettings())
    )
    found = fresh(space.build(space.search_space.baseline()), 0)
    deviation = float(found.tensor("2.weight").detach().std())
    assert deviation == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
