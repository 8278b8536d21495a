"""What removed channels gave is made up for by those that stay."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import everywhere, make, pictures
from tests.spaces.test_importance import SHAPE, Chain, evidence
from tightfit import SpecError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.correction import mixture
from tightfit.spaces.evidence import Evidence, Observations, Side
from tightfit.spaces.settings import DecompositionSettings, PruningSettings, SpaceSettings


def halved(model: nn.Module, *, correct: bool, shape: tuple[int, ...] = SHAPE) -> nn.Module:
    pruning = PruningSettings(per="network", ratios=(0.0, 0.5), align=4, correct=correct)
    space = CompressionSpace(
        model,
        torch.zeros(1, *shape),
        settings=SpaceSettings(pruning=pruning),
        evidence=evidence(shape),
    )
    return space.build(everywhere(space, "pruning_ratio", 0.5))


def difference(network: nn.Module, model: nn.Module, shape: tuple[int, ...] = SHAPE) -> float:
    inputs = pictures(shape, 32, seed=5)
    with torch.no_grad():
        expected = model(inputs)
        return float((network(inputs) - expected).norm() / (expected - expected.mean(0)).norm())


@pytest.fixture
def doubled() -> Chain:
    """A network in which every channel has a copy of another size."""
    torch.manual_seed(0)
    model = Chain().eval()
    with torch.no_grad():
        for layer in (model.first, model.second):
            half = layer.out_channels // 2
            layer.weight[half:] = 0.5 * layer.weight[:half]
            layer.bias[half:] = 0.5 * layer.bias[:half]  # type: ignore[index]
    return model


def test_channels_that_are_multiples_of_others_are_removed_without_a_loss(doubled: Chain) -> None:
    assert difference(halved(doubled, correct=False), doubled) > 0.1
    assert difference(halved(doubled, correct=True), doubled) < 0.01


@pytest.mark.parametrize("name", ["odd", "small_vit"])
def test_a_corrected_network_is_nearer_to_the_whole_one(name: str) -> None:
    model, shape = make(name)
    plain = difference(halved(model, correct=False, shape=shape), model, shape)
    assert difference(halved(model, correct=True, shape=shape), model, shape) < 0.8 * plain


def test_factors_that_say_everything_are_corrected_like_the_layer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 16, 1), nn.Flatten(),
        nn.Linear(16 * 64, 4),
    ).eval()  # fmt: skip
    first, second = model[0], model[2]
    assert isinstance(first, nn.Conv2d)
    assert isinstance(second, nn.Conv2d)
    with torch.no_grad():  # every channel has a copy, and what reads them is of half the rank
        first.weight[16:], second.weight[:, 16:] = first.weight[:16] / 2, second.weight[:, :16]
        assert first.bias is not None
        first.bias[16:] = first.bias[:16] / 2
    reached = {}
    for correct in (False, True):
        settings = SpaceSettings(
            pruning=PruningSettings(ratios=(0.0, 0.5), correct=correct),
            decomposition=DecompositionSettings(ranks=(None, 1.0)),
        )
        space = CompressionSpace(
            model, torch.zeros(1, *SHAPE), settings=settings, evidence=evidence()
        )
        network = space.build(
            space.search_space.from_choices({"0.pruning_ratio": 0.5, "2.rank": 1.0})
        )
        assert "2.0.weight" in network.state_dict()
        reached[correct] = difference(network, model)
    assert reached[False] > 0.1
    assert reached[True] < 0.01


def test_factors_of_a_corrected_layer_are_corrected() -> None:
    model, shape = make("resnet18")
    settings = SpaceSettings(
        pruning=PruningSettings(per="network", ratios=(0.0, 0.5), correct=True),
        decomposition=DecompositionSettings(per="network", ranks=(None, 1.0)),
    )
    space = CompressionSpace(
        model, torch.zeros(1, *shape), settings=settings, evidence=evidence(shape)
    )
    pruned = {"network.pruning_ratio": 0.5}
    whole = space.build(space.search_space.from_choices(pruned))
    split = space.build(space.search_space.from_choices({**pruned, "network.rank": 1.0}))
    assert len(split.graph.nodes) > len(whole.graph.nodes)
    # The share is of the pruned layer's rank, and the factors are the whole layer's: near, not
    # equal.
    assert difference(split, whole, shape) < difference(split, model, shape)


def test_the_baseline_is_not_corrected(doubled: Chain) -> None:
    pruning = PruningSettings(per="network", ratios=(0.0, 0.5), correct=True)
    space = CompressionSpace(
        doubled, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning)
    )
    assert difference(space.build(space.search_space.baseline()), doubled) < 1e-6


def test_a_correction_without_its_pictures_is_refused(doubled: Chain) -> None:
    pruning = PruningSettings(per="network", ratios=(0.5,), correct=True)
    space = CompressionSpace(
        doubled, torch.zeros(1, *SHAPE), settings=SpaceSettings(pruning=pruning)
    )
    with pytest.raises(SpecError, match="the correction of pruned layers looks at pictures; give"):
        space.build(space.search_space.baseline())


def test_whole_maps_are_looked_at() -> None:
    """A column with other numbers counts as one of many."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(512, 3, 32, 32, generator=generator)
    inputs[..., 0] = 5.0
    space = CompressionSpace(
        nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 4, 1)),
        torch.zeros(1, 3, 32, 32),
        settings=SpaceSettings(pruning=PruningSettings()),
    )
    observations = Observations(
        space.baseline_network,
        {layer.name: layer for layer in space.sites.layers},
        Evidence(512, lambda chosen: (inputs[chosen], chosen), F.cross_entropy),
    )
    every = inputs.movedim(1, 0).flatten(1)
    wanted, found = every @ every.T, observations.moments(["0"])["0"]
    assert torch.allclose(found / found.trace(), wanted / wanted.trace(), atol=0.02)
    above = (observations.signs[Side("0", reads=True)] > 0).float().mean()
    assert float(above) == pytest.approx(float((every > 0).float().mean()), abs=0.02)


class ReadAgain(nn.Module):
    """The weights of a layer are read once more, as a value."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.mid = nn.Linear(3 * 8 * 8, 32), nn.Linear(32, 16)
        self.head = nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.mid(F.relu(self.first(x.flatten(1)))))
        scores: Tensor = self.head(x @ self.mid.weight)
        return scores


def test_weights_that_something_else_reads_are_not_mixed() -> None:
    torch.manual_seed(0)
    model = ReadAgain().eval()
    pruning = PruningSettings(ratios=(0.0, 0.5), correct=True)
    space = CompressionSpace(
        model,
        torch.zeros(1, *SHAPE),
        settings=SpaceSettings(pruning=pruning),
        evidence=evidence(),
    )
    candidate = space.search_space.from_choices({"first.pruning_ratio": 0.5})
    network, stay = space.build(candidate), space.kept(candidate)["first"][1]
    assert len(stay) == 16
    assert torch.equal(network.tensor("mid.weight"), model.mid.weight[:, stay])
    assert not torch.equal(network.tensor("head.weight"), model.head.weight[:, stay])


def test_a_mixture_is_the_least_squares_of_what_goes_on_what_stays() -> None:
    torch.manual_seed(0)
    stays = torch.randn(4, 1000)
    weights = torch.tensor([[0.5, -1.0, 0.0, 2.0]])
    channels = torch.cat([stays, weights @ stays])
    found = mixture(channels @ channels.T, torch.arange(4))
    assert torch.equal(found[:4], torch.eye(4))
    assert torch.allclose(found[4:], weights, atol=0.01)


def test_a_channel_that_never_fires_breaks_no_mixture() -> None:
    channels = F.relu(torch.randn(3, 100, generator=torch.Generator().manual_seed(0)))
    channels[0] = 0
    found: Tensor = mixture(channels @ channels.T, torch.tensor([0, 1]))
    assert bool(found.isfinite().all())
