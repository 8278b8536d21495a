"""Channels in front of the batch are counted, and channels that attend to each other stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.bad_models import PICTURE, Model, conv
from tests.spaces.nets import everywhere
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings

PRUNED = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())


def space_of(model: nn.Module) -> CompressionSpace:
    return CompressionSpace(model, torch.zeros(1, *PICTURE), settings=PRUNED)


def one_by_one(m: Any, x: Tensor) -> Tensor:
    """Filter each channel of both layers by the same kernel, as a picture of its own."""
    y = torch.cat([m.a(x), m.b(x)], 1)
    n, c, h, w = y.shape
    y = m.filter(y.transpose(0, 1).reshape(c * n, 1, h, w))
    scores: Tensor = m.t(y.reshape(c, n, h, w).transpose(0, 1))
    return scores


def test_joined_channels_in_front_of_the_batch_cost_what_they_are() -> None:
    model = Model(one_by_one, b=conv(3, 8), filter=conv(1, 1), t=nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5)))  # fmt: skip
    space = space_of(model)
    for ratio in (0.0, 0.5):
        candidate = everywhere(space, "pruning_ratio", ratio)
        blueprint, network = space.blueprint(np.array([candidate.indices])), space.build(candidate)
        macs = {each.name: int(each.macs[0]) for each in blueprint.operations}
        widths = [len(network.tensor(f"{name}.weight")) for name in ("a", "b")]
        assert macs["filter"] == 64 * 9 * sum(widths)
        with torch.no_grad():
            assert network(torch.zeros(2, *PICTURE)).shape == (2, 5)


def attended(*layers: str, causal: bool = False) -> Any:
    def forward(m: Any, x: Tensor) -> Tensor:
        q, k, v = (getattr(m, name)(x).flatten(2) for name in layers)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        scores: Tensor = m.t(y.reshape(-1, 16, 8, 8))
        return scores

    return forward


@pytest.mark.parametrize("causal", [False, True])
def test_channels_that_attend_to_each_other_stay(causal: bool) -> None:
    space = space_of(Model(attended("a", "k", "v", causal=causal), k=conv(), v=conv()))
    frozen, groups = dict(space.sites.frozen), {group.name for group in space.sites.groups}
    assert "it weighs all channels against each other" in frozen["k"]
    assert "it weighs all channels against each other" in frozen["v"]
    assert groups == (set() if causal else {"a"})
    assert not causal or "it hides keys by their number" in frozen["a"]


def test_the_channels_of_tokens_that_attend_to_each_other_go() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        q, k, v = (layer(x).flatten(2).transpose(1, 2) for layer in (m.a, m.k, m.v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores: Tensor = m.t(y.transpose(1, 2).reshape(-1, 16, 8, 8))
        return scores

    space = space_of(Model(forward, k=conv(), v=conv()))
    assert {group.name for group in space.sites.groups} == {"a", "v"}
