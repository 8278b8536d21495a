"""Factors give the weights back, rank by rank."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.spaces.nets import everywhere, make, pictures
from tests.spaces.test_correction import ReadAgain
from tests.spaces.test_importance import SHAPE
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.decomposition import factorize
from tightfit.spaces.settings import DecompositionSettings, PruningSettings, SpaceSettings


@pytest.mark.parametrize("shape", [(20, 48), (48, 20), (24, 16, 1, 1), (24, 16, 3, 3)])
def test_factors_at_full_rank_are_the_weights(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape)
    factors = factorize(weight)
    if factors.core is None:
        found = (factors.outer @ factors.inner).reshape(shape)
    else:
        found = torch.einsum("op,pqkl,qi->oikl", factors.outer, factors.core, factors.inner)
    torch.testing.assert_close(found, weight, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(64, 48), (48, 64), (64, 48, 3, 3)])
def test_the_last_factor_makes_up_for_the_rounding_of_the_others(shape: tuple[int, ...]) -> None:
    """The product in float64 is as near as the rounding of one factor leaves it, not of three."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    factors = factorize(weight)
    outer, inner = factors.outer.double(), factors.inner.double()
    if factors.core is None:
        found = outer @ inner
    else:
        found = torch.einsum("op,pqkl,qi->oikl", outer, factors.core.double(), inner)
    assert (found - weight).norm() <= 3e-8 * weight.norm()


@pytest.mark.parametrize("shape", [(20, 48), (48, 20)])
def test_two_factors_are_the_best_of_their_rank(shape: tuple[int, int]) -> None:
    weight = torch.randn(shape)
    factors = factorize(weight)
    values = torch.linalg.svdvals(weight)
    for rank in (1, 5, 12):
        error = weight - factors.outer[:, :rank] @ factors.inner[:rank]
        torch.testing.assert_close(error.norm(), values[rank:].norm(), rtol=1e-3, atol=1e-3)


def test_factors_are_computed_when_a_candidate_needs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[tuple[int, ...]] = []

    def counting(weight: torch.Tensor) -> object:
        counted.append(tuple(weight.shape))
        return factorize(weight)

    monkeypatch.setattr("tightfit.spaces.decomposition.factorize", counting)
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 16))
    settings = SpaceSettings(decomposition=DecompositionSettings())
    space = CompressionSpace(model, torch.zeros(1, 32), settings=settings)
    space.build(space.search_space.baseline())
    assert not counted
    for rank in (0.5, 0.25, 0.5):
        space.build(space.search_space.from_choices({"0.rank": rank}))
    assert counted == [(64, 32)]


def test_more_rank_is_nearer_to_the_baseline() -> None:
    model, shape = make("odd")
    settings = SpaceSettings(
        decomposition=DecompositionSettings(per="network", ranks=(None, 0.9, 0.5, 0.1))
    )
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=settings)
    inputs = pictures(shape, 16)
    errors = []
    with torch.no_grad():
        for rank in (0.9, 0.5, 0.1):
            network = space.build(everywhere(space, "rank", rank))
            errors.append(float((network(inputs) - model(inputs)).square().mean()))
    assert errors == sorted(errors)


def test_a_pruned_layers_rank_is_a_share_of_what_is_left() -> None:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.Linear(64, 10))
    settings = SpaceSettings(
        pruning=PruningSettings(ratios=(0.0, 0.5)),
        decomposition=DecompositionSettings(ranks=(None, 0.5)),
    )
    space = CompressionSpace(model, torch.zeros(1, 32), settings=settings)
    candidate = space.search_space.from_choices({"0.pruning_ratio": 0.5, "2.rank": 0.5})
    state = space.build(candidate).state_dict()
    assert state["2.0.weight"].shape == (16, 32)
    assert state["2.1.weight"].shape == (64, 16)
    assert "2.weight" not in state


def test_weights_that_something_else_reads_stay_whole() -> None:
    torch.manual_seed(0)
    model = ReadAgain().eval()
    settings = SpaceSettings(decomposition=DecompositionSettings(ranks=(None, 1.0)))
    space = CompressionSpace(model, torch.zeros(1, *SHAPE), settings=settings)
    ranks = [h.name for h in space.search_space.hparams if h.name.endswith(".rank")]
    assert ranks == ["first.rank"]
    network, inputs = space.build(everywhere(space, "rank", 1.0)), pictures(SHAPE, 8)
    assert "first.0.weight" in network.state_dict()
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), model(inputs), atol=1e-4, rtol=1e-4)
