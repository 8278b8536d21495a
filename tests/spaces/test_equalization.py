"""Evened channels compute the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from tests.spaces.nets import everywhere, pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.equalization import equalized, factors, pairs
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, RoundingSettings, SpaceSettings

OFF, ON = RoundingSettings(equalized=False), RoundingSettings(equalized=True)


class Uneven(nn.Module):
    """Channels of very different size in front of a dense, a depthwise and a linear layer."""

    def __init__(self, *, activation: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(8)
        self.activation = activation
        self.pool = nn.MaxPool2d(4)
        self.hidden = nn.Linear(8 * 4, 12)
        self.head = nn.Linear(12, 5)
        with torch.no_grad():
            self.norm.weight.copy_(torch.logspace(-1.5, 1, 8))
            self.norm.bias.copy_(torch.logspace(-2, 0, 8))
            self.second.weight.mul_(torch.logspace(0, -2, 8)[:, None, None, None])

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.norm(self.first(x)))
        x = torch.relu(
            self.depthwise_norm(self.depthwise(torch.relu(self.second_norm(self.second(x)))))
        )
        x = torch.relu(self.hidden(self.pool(x).flatten(1)))
        scores: Tensor = self.head(x)
        return scores


def space(rounding: RoundingSettings, activation: nn.Module | None = None) -> CompressionSpace:
    torch.manual_seed(0)
    model = Uneven(activation=activation or nn.ReLU())
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model(pictures((3, 8, 8), 64, seed=2))
    model.eval()
    settings = QuantizationSettings("network", (8, 4), rounding=rounding)
    return CompressionSpace(
        model, torch.zeros(1, 3, 8, 8), settings=SpaceSettings(quantization=settings)
    )


def built(rounding: RoundingSettings) -> Network:
    made = space(rounding)
    return made.build(made.search_space.baseline())


def test_an_equalized_network_gives_the_same_numbers() -> None:
    plain, evened = built(OFF), built(ON)
    assert not torch.equal(plain.tensor("second.weight"), evened.tensor("second.weight"))
    x = pictures((3, 8, 8), 16)
    with torch.no_grad():
        torch.testing.assert_close(evened(x), plain(x), rtol=1e-4, atol=1e-5)


def test_pairs_end_at_activations_that_do_not_commute_with_factors() -> None:
    kept = space(OFF)
    bent = space(OFF, activation=nn.Hardswish())
    names = []
    for made in (kept, bent):
        network = made.baseline_network()
        found = pairs(network.graph, network.state_dict())
        names.append([(pair.first.name, pair.second.name) for pair in found])
    chain = ["first", "second", "depthwise", "hidden"]  # none of the head: no norm says
    assert names[0] == list(pairwise(chain))
    assert names[1] == names[0][1:]


@pytest.mark.parametrize(
    "behind",
    [
        lambda x: x.mean(1, keepdim=True),
        lambda x: x.mean(-3, keepdim=True),
        lambda x: x.flatten(2),
        lambda x: x.mean((2, 3)).mean(1, keepdim=True),
    ],
)
def test_pairs_end_where_channels_do_not_stay_apart(behind: Callable[[Tensor], Tensor]) -> None:
    class Apart(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
            with torch.no_grad():
                self.norm.weight.copy_(torch.logspace(-1.5, 1, 16))
            given = behind(torch.zeros(1, 16, 8, 8))
            self.second: nn.Module = (
                nn.Conv2d(1, 16, 3) if given.dim() == 4 else nn.Linear(given.shape[-1], 16)
            )

        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = self.second(behind(torch.relu(self.norm(self.first(x))))).flatten(1)
            return scores

    torch.manual_seed(0)
    model, x = Apart().eval(), pictures((3, 8, 8), 4)
    quantization = QuantizationSettings(bits=(None, 8), rounding=ON)
    made = CompressionSpace(
        model, torch.zeros(1, 3, 8, 8), settings=SpaceSettings(quantization=quantization)
    )
    found = made.build(everywhere(made, "bits", 8))
    with torch.no_grad():
        torch.testing.assert_close(found(x), model(x), rtol=1e-4, atol=1e-5)


def test_the_tensors_that_came_stay_as_they_were() -> None:
    network = space(OFF).baseline_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    equalized(network.graph, network.state_dict(), {"second", "depthwise", "hidden", "head"})
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize(
    ("reach", "weights", "expected"),
    [
        ([4.0, 1.0], [1.0, 4.0], [2.0, 0.5]),
        ([1.0, 1.0], [2.0, 2.0], [1.0, 1.0]),
        ([0.0, 3.0], [1.0, 5.0], [1.0, 1.0]),
        ([1e6, 1e-6], [1.0, 1.0], [8.0, 0.125]),
    ],
)
def test_factors_even_both_ranges_within_bounds(
    reach: list[float], weights: list[float], expected: list[float]
) -> None:
    found = factors(torch.tensor(reach), torch.tensor(weights))
    torch.testing.assert_close(found, torch.tensor(expected))
