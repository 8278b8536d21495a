"""Half the bits are half the file, for every architecture with more than a million parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision

from tightfit.objectives.artifact.writer import write_onnx
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

QUICK = ("squeezenet1_1",)
SLOW = ("resnet18", "mobilenet_v3_small", "densenet121")
MATRIX = (
    "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x0_5", "regnet_y_400mf", "mnasnet0_5",
    "googlenet", "vit_b_16", "swin_t", "convnext_tiny",
)  # fmt: skip
MOST = {4: 0.55, 2: 0.32}
"""Largest share of the bytes of the 8-bit file; norms, biases and scales are not packed."""


@pytest.mark.parametrize(
    "name",
    [
        *QUICK,
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
        *(pytest.param(name, marks=pytest.mark.matrix) for name in MATRIX),
    ],
)
def test_few_bits_take_their_share_of_the_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    side = 224 if name.startswith(("vit", "swin")) else 64
    more = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    module = torchvision.models.get_model(name, **more).eval()
    assert sum(parameter.numel() for parameter in module.parameters()) > 1_000_000
    space = CompressionSpace(
        module,
        torch.zeros(1, 3, side, side),
        settings=SpaceSettings(quantization=QuantizationSettings("network", (8, 4, 2))),
    )
    written = {bits: write_onnx(ranged(space, bits).program(), path, metadata={}) for bits in MOST}
    eight = write_onnx(ranged(space, 8).program(), path, metadata={})
    for bits, most in MOST.items():
        assert written[bits] <= most * eight


def ranged(space: CompressionSpace, bits: int) -> Network:
    """Return the network with all weights of ``bits``; how many bytes it takes asks no pictures."""
    (hparam,) = [each for each in space.search_space.hparams if each.name.endswith(".bits")]
    network = space.build(space.search_space.from_choices({hparam.name: bits}))
    network.mark_calibrated()
    return network
