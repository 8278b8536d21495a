"""What rounding shifts is put right, layer after layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.spaces.nets import everywhere, make, pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, RoundingSettings, SpaceSettings


def network(name: str, *, corrected: bool, bits: int = 2) -> tuple[Network, torch.Tensor]:
    """Return a calibrated network, and what it is calibrated with."""
    model, shape = make(name)
    quantization = QuantizationSettings(
        bits=(8, bits), rounding=RoundingSettings(corrected_biases=corrected)
    )
    space = CompressionSpace(
        model, torch.zeros(1, *shape), settings=SpaceSettings(quantization=quantization)
    )
    found, inputs = space.build(everywhere(space, "bits", bits)), pictures(shape, 64)
    found.calibrate([inputs])
    return found, inputs


@pytest.mark.parametrize("name", ["odd", "resnet18"])
def test_the_means_of_the_outputs_are_those_without_rounding(name: str) -> None:
    shifts = []
    for corrected in (False, True):
        found, inputs = network(name, corrected=corrected)
        with torch.no_grad():
            expected = found(inputs)
            found.correct_biases(inputs)
            assert not found.quantization
            found.quantization = True
            shifts.append((found(inputs) - expected).mean(0).norm())
    assert shifts[1] < 0.05 * shifts[0]


def test_a_correction_of_nothing_changes_nothing() -> None:
    found, inputs = network("odd", corrected=False)
    before = {name: tensor.clone() for name, tensor in found.state_dict().items()}
    found.correct_biases(inputs)
    for name, tensor in found.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_norms_of_linear_layers_take_the_correction_too() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4),
    )  # fmt: skip
    space = CompressionSpace(
        model,
        torch.zeros(1, 6),
        settings=SpaceSettings(quantization=QuantizationSettings(bits=(8, 2))),
    )
    found, inputs = space.build(everywhere(space, "bits", 2)), torch.randn(64, 6)
    found.calibrate([inputs])
    with torch.no_grad():
        expected = found(inputs).mean(0)
        found.quantization = True
        shifted = found(inputs).mean(0)
        found.correct_biases(inputs)
        corrected, written = found(inputs), found.deployed()(inputs)
    assert (corrected.mean(0) - expected).norm() < 0.1 * (shifted - expected).norm()
    assert (written - corrected).abs().max() <= 0.05 * corrected.abs().max()
