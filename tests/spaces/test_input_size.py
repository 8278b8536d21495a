"""Choices of the input size are whole strides, and none is larger than the baseline's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.spaces.bad_models import tail
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import InputSizeSettings, SpaceSettings


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
