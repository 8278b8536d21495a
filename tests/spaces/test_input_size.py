"""Choices of the input size are whole strides, and none is larger than the baseline's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.bad_models import Model, tail
from tightfit import SpecError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import EVERYTHING, InputSizeSettings, SpaceSettings

WITH_SIZES = replace(EVERYTHING, input_size=InputSizeSettings())


@pytest.mark.parametrize(
    ("side", "shares", "sides"),
    [
        (60, (1.0, 0.95, 0.9), {1.0: 60, 0.9: 48}),
        (64, (1.0, 0.9, 0.5), {1.0: 64, 0.5: 32}),
        (64, (0.75, 0.5), {1.0: 64, 0.75: 48, 0.5: 32}),
    ],
)
def test_no_picture_is_larger_than_the_baselines(
    side: int, shares: tuple[float, ...], sides: dict[float, int]
) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 8, stride=8), nn.ReLU(), nn.Conv2d(8, 16, 2, stride=2), tail()
    )
    settings = SpaceSettings(input_size=InputSizeSettings(shares=shares))
    space = CompressionSpace(model, torch.zeros(1, 3, side, side), settings=settings)
    (hparam,) = (h for h in space.search_space.hparams if h.name == "input.size")
    built = {
        share: space.build(space.search_space.from_choices({"input.size": share})).input_shape[1]
        for share in hparam.choices
    }
    assert built == sides


def patches(x: Tensor, m: Any) -> Tensor:
    tokens: Tensor = m.a(x).flatten(2).transpose(1, 2)
    return tokens


def gated(m: Any, x: Tensor) -> Tensor:
    """Halve what no rule follows: its tokens stand where channels do elsewhere."""
    found: Tensor = m.head(m.down(F.glu(m.up(patches(x, m)))).mean(1))
    return found


def mixed_by_waves(m: Any, x: Tensor) -> Tensor:
    tokens = patches(x, m)
    found: Tensor = m.head(m.up(tokens + torch.fft.fft2(tokens).real).mean(1))
    return found


def by_rows(m: Any, x: Tensor) -> Tensor:
    maps = m.a(x).permute(0, 2, 3, 1)
    n, height, width, channels = maps.shape
    rows = maps.reshape(n * height, width, channels)
    seen = m.attention(rows, rows, rows, need_weights=False)[0]
    found: Tensor = m.head(seen.view(n, height, width, channels).mean((1, 2)))
    return found


def tokens_of(forward: Callable[[Any, Tensor], Tensor]) -> nn.Module:
    return Model(
        forward,
        a=nn.Conv2d(3, 24, 4, 4),
        up=nn.Linear(24, 24),
        down=nn.Linear(12, 24),
        attention=nn.MultiheadAttention(24, 4, batch_first=True),
        head=nn.Linear(24, 5),
    ).eval()


@pytest.mark.parametrize("forward", [gated, mixed_by_waves, by_rows])
def test_tokens_that_become_fewer_are_counted_in_every_size(
    forward: Callable[[Any, Tensor], Tensor],
) -> None:
    example = torch.zeros(1, 3, 32, 32)
    space = CompressionSpace(tokens_of(forward), example, settings=WITH_SIZES)
    batch = space.search_space.random(12, np.random.default_rng(0))
    blueprint = space.blueprint(batch)
    sides = set()
    for number, row in enumerate(batch):
        network = space.build(space.search_space.candidate(row))
        sides.add(network.input_shape[1])
        found = network.activations(torch.zeros(1, *network.input_shape))
        for name, activation in blueprint.activations.items():
            if name in found:
                assert activation.elements[number] in (0, found[name].numel()), name
    assert len(sides) > 1
    layers = {each.name: each.macs for each in blueprint.operations if each.in_channels.any()}
    assert all((macs > 0).any() for macs in layers.values()), layers


def rows_as_tokens(m: Any, x: Tensor) -> Tensor:
    maps = m.a(x)
    n, channels, height, width = maps.shape
    rows = maps.permute(0, 2, 1, 3).reshape(n, height, channels * width)
    rows = (rows - rows.mean(1, keepdim=True)).relu().view(n, height, channels, width)
    found: Tensor = m.head(rows.mean((1, 3)))
    return found


def halves_of_everything(m: Any, x: Tensor) -> Tensor:
    maps = m.a(x)
    first, second = maps.flatten(1).chunk(2, 1)
    found: Tensor = m.head(torch.cat([second, first], 1).view(maps.shape).mean((2, 3)))
    return found


@pytest.mark.parametrize("forward", [rows_as_tokens, halves_of_everything])
def test_channels_and_positions_along_one_axis_keep_the_size_of_the_input(
    forward: Callable[[Any, Tensor], Tensor],
) -> None:
    model, example = tokens_of(forward), torch.zeros(1, 3, 32, 32)
    words = "'input.size' cannot change to .* counts channels and positions of the picture together"
    with pytest.raises(SpecError, match=words):
        CompressionSpace(model, example, settings=WITH_SIZES)
    space = CompressionSpace(model, example, settings=EVERYTHING)
    assert "counts channels and positions" in str(space.why_fixed(model))
