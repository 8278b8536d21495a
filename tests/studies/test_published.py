"""What `inspect` counts is what torchvision published with its weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torchvision

from tightfit.objectives.models.torchvision_models import torchvision_names
from tightfit.studies.inspecting import inspect_model

SOME = ("resnet18", "mobilenet_v3_small", "googlenet", "inception_v3", "swin_t", "vit_b_16")
TWICE = ("wide_resnet50_2", "wide_resnet101_2")
"""Published at about half the size of their files."""
ROUNDED = ("shufflenet_v2_x0_5",)
"""Published with one digit: 0.04 G multiply-accumulates, 0.0405 counted."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SOME else pytest.mark.matrix)
        for name in torchvision_names()
    ],
)
def test_counts_are_the_published_ones(name: str) -> None:
    weights = next(iter(torchvision.models.get_model_weights(name)))
    side = weights.transforms().crop_size[0]
    found = inspect_model(name, f"3x{side}x{side}", folder=Path.cwd(), classes=1000)
    published = weights.meta
    heads = sum(found.auxiliary.values()) if name == "googlenet" else 0
    assert found.costs["params"] - heads == published["num_params"]
    macs = found.costs["macs"] / 1e9
    tolerance = 0.013 if name in ROUNDED else 0.01
    assert macs == pytest.approx(published["_ops"], rel=tolerance)
    if name not in TWICE:
        megabytes = found.state_dict_kb * 1000 / 2**20
        assert megabytes == pytest.approx(published["_file_size"], rel=0.01)
