"""Each criterion removes the channels that it calls least important."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import make, pictures
from tightfit import SpecError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.evidence import Evidence
from tightfit.spaces.importance import CRITERIA
from tightfit.spaces.settings import Criterion, PruningSettings, SpaceSettings

SHAPE = (3, 8, 8)
ODD = list(range(1, 16, 2))


class Chain(nn.Module):
    """A convolution with a norm, read by a second one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(F.relu(self.norm(self.first(x))))
        result: Tensor = self.head(F.relu(x).mean((2, 3)))
        return result


@pytest.fixture
def chain() -> Chain:
    torch.manual_seed(0)
    return Chain().eval()


def evidence(shape: tuple[int, ...] = SHAPE, classes: int = 4) -> Evidence:
    inputs = pictures(shape, 64)

    def take(chosen: Tensor) -> tuple[Tensor, Tensor]:
        return inputs[chosen], chosen % classes

    return Evidence(64, take, F.cross_entropy)


def kept(model: nn.Module, criterion: Criterion) -> list[int]:
    """Return which of the first layer's channels stay when half of them go."""
    pruning = PruningSettings(ratios=(0.0, 0.5), criteria=(criterion,))
    space = CompressionSpace(
        model, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning), evidence=evidence()
    )
    (site,) = (h for h in space.search_space.hparams if h.name == "first.pruning_ratio")
    channels = space.kept(space.search_space.from_choices({site.name: 0.5}))["first"][1]
    return [int(channel) for channel in channels]


@pytest.mark.parametrize("criterion", ["l1", "l2"])
def test_small_filters_go_by_magnitude(chain: Chain, criterion: Criterion) -> None:
    with torch.no_grad():
        chain.first.weight[::2] *= 0.01
        chain.second.weight[:, ::2] *= 0.01
    assert kept(chain, criterion) == ODD


def test_channels_that_their_norm_scales_down_go_by_its_scale(chain: Chain) -> None:
    with torch.no_grad():
        chain.norm.weight[::2] = -0.01
    assert kept(chain, "norm_scale") == ODD


def test_channels_that_hardly_change_the_loss_go_by_taylor(chain: Chain) -> None:
    with torch.no_grad():
        chain.first.weight[::2] *= 100
        variances = chain.norm.running_var
        assert variances is not None
        variances[::2] *= 1e4
        chain.second.weight[:, ::2] *= 1e-3
    assert kept(chain, "taylor") == ODD
    assert kept(chain, "l1") != ODD


@pytest.mark.parametrize("criterion", ["geometric_median", "cosine", "hamming"])
def test_one_of_many_equal_filters_is_enough_by_redundancy(
    chain: Chain, criterion: Criterion
) -> None:
    with torch.no_grad():
        chain.first.weight[::2] = chain.first.weight[0] + 0.001 * chain.first.weight[::2]
        bias = chain.first.bias
        assert bias is not None
        bias[::2] = bias[0]
        chain.norm.bias.fill_(0.1)
    assert kept(chain, criterion) == ODD


@pytest.mark.parametrize("criterion", ["geometric_median", "cosine", "hamming"])
def test_filters_of_zeros_go_first_by_redundancy(chain: Chain, criterion: Criterion) -> None:
    """Also where all others are near each other, and far from zero."""
    bias = chain.first.bias
    assert bias is not None
    with torch.no_grad():
        chain.first.weight[:] = 1 + 0.1 * chain.first.weight
        for dead in (3, 8):
            chain.first.weight[dead], bias[dead] = 0, 0
    assert not {3, 8} & set(kept(chain, criterion))


def test_directions_alone_count_for_the_cosine(chain: Chain) -> None:
    with torch.no_grad():
        sizes = torch.arange(1, 9).reshape(8, 1, 1, 1)
        chain.first.weight[::2] = chain.first.weight[0] * sizes
    assert kept(chain, "cosine") == ODD
    assert kept(chain, "geometric_median") != ODD


def test_the_criteria_of_a_study_are_those_that_there_are() -> None:
    assert set(get_args(Criterion)) == set(CRITERIA)


@pytest.mark.parametrize("criterion", get_args(Criterion))
@pytest.mark.parametrize("name", ["odd", "small_vit"])
def test_every_criterion_orders_every_group_of_a_network(name: str, criterion: Criterion) -> None:
    model, shape = make(name)
    pruning = PruningSettings(per="network", ratios=(0.0, 0.5), align=4, criteria=(criterion,))
    space = CompressionSpace(
        model,
        torch.zeros(1, *shape),
        settings=SpaceSettings(pruning=pruning),
        evidence=evidence(shape, 7),
    )
    network = space.build(space.search_space.from_choices({"network.pruning_ratio": 0.5}))
    with torch.no_grad():
        assert bool(network(pictures(shape, 2)).isfinite().all())


@pytest.mark.parametrize("criterion", ["taylor", "hamming"])
def test_a_criterion_without_its_pictures_is_refused(chain: Chain, criterion: Criterion) -> None:
    pruning = PruningSettings(per="network", ratios=(0.5,), criteria=(criterion,))
    space = CompressionSpace(chain, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning))
    with pytest.raises(SpecError, match=f"the criterion '{criterion}' looks at pictures; give"):
        space.build(space.search_space.baseline())


def test_the_scale_of_norms_needs_norms() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 6), nn.Flatten())
    pruning = PruningSettings(criteria=("l2", "norm_scale"))
    with pytest.raises(SpecError, match="'norm_scale' needs normalizations with factors, and this"):
        CompressionSpace(plain, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning))


def test_several_criteria_are_an_hparam_that_matters_when_something_is_pruned(
    chain: Chain,
) -> None:
    pruning = PruningSettings(per="network", ratios=(0.0, 0.5), criteria=("l2", "norm_scale"))
    space = CompressionSpace(
        chain, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning)
    ).search_space
    whole = space.from_choices({"pruning.criterion": "norm_scale"})
    assert whole == space.baseline()
    halved = {"network.pruning_ratio": 0.5}
    assert space.from_choices({**halved, "pruning.criterion": "norm_scale"}) != space.from_choices(
        halved
    )


def test_a_blank_network_has_a_candidates_shape_and_needs_no_pictures(chain: Chain) -> None:
    pruning = PruningSettings(ratios=(0.0, 0.5), criteria=("taylor",), correct=True)
    settings, example = SpaceSettings(pruning=pruning), torch.zeros(1, *SHAPE)
    with_pictures = CompressionSpace(chain, example, settings=settings, evidence=evidence())
    candidate = with_pictures.search_space.from_choices({"first.pruning_ratio": 0.5})
    built = with_pictures.build(candidate).state_dict()
    blank = CompressionSpace(chain, example, settings=settings).blank(candidate).state_dict()
    assert {n: t.shape for n, t in built.items()} == {n: t.shape for n, t in blank.items()}
