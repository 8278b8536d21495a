"""What is cut out of a network leaves numbers that count what is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.spaces.bad_models import conv, tail
from tests.spaces.nets import pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, SpaceSettings


@pytest.mark.parametrize("outputs", [8, 32])
def test_a_transposed_convolution_keeps_its_groups(outputs: int) -> None:
    up = nn.ConvTranspose2d(16, outputs, 2, stride=2, groups=4)
    model = nn.Sequential(conv(3, 24), nn.ReLU(), conv(24, 16), up, nn.ReLU(), tail(outputs)).eval()
    space = CompressionSpace(
        model, torch.zeros(1, 3, 8, 8), settings=SpaceSettings(pruning=PruningSettings())
    )
    assert "a transposed convolution in groups" in dict(space.sites.frozen)["3"]
    assert {group.name for group in space.sites.groups} == {"0"}
    candidate = space.search_space.from_choices({"0.pruning_ratio": 0.5})
    network, inputs = space.build(candidate), pictures((3, 8, 8), 8)
    with torch.no_grad():
        found, written = network(inputs), network.deployed()(inputs)
    assert found.shape == (8, 5)
    torch.testing.assert_close(written, found)
    blueprint = space.blueprint(np.array([candidate.indices]))
    assert int(blueprint.params[0]) == sum(each.numel() for each in network.parameters())
