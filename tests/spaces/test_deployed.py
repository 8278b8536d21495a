"""A program in the operators of other runtimes computes what the network does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.fx.traceback import preserve_node_meta

from tests.spaces.nets import calibrated, everywhere, make, pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.deployed import LAYER
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings


def built(name: str, bits: int | None, *, integer_only: bool = False) -> tuple[Network, Tensor]:
    model, shape = make(name)
    choices = (8,) if integer_only else (None, 8)
    quantization = QuantizationSettings(bits=choices, integer_only=integer_only)
    settings = SpaceSettings(quantization=quantization)
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=settings)
    return calibrated(space.build(everywhere(space, "bits", bits))), pictures(shape, 24)


def both(network: Network, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the network and its deployed form give, picture by picture."""
    deployed = network.deployed()
    with torch.no_grad():
        return network(inputs), torch.cat([deployed(each) for each in torch.split(inputs, 1)])


def test_floats_are_the_same() -> None:
    """Gates, branches, dilated, grouped, depthwise and transposed convolutions, norms that stay."""
    wanted, found = both(*built("odd", None))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("integer_only", [True, False])
def test_what_is_rounded_is_rounded_alike(integer_only: bool) -> None:
    """But for sums that lie between two codes, and inputs of the last layer, rounded once more."""
    wanted, found = both(*built("odd", 8, integer_only=integer_only))
    assert (found - wanted).abs().max() <= 0.05 * wanted.abs().max()
    assert (found - wanted).abs().mean() <= 0.01 * wanted.abs().max()


def exported(network: Network, inputs: Tensor) -> torch.export.ExportedProgram:
    with preserve_node_meta(), torch.no_grad():
        return torch.export.export(network.deployed(), (inputs[:1],))


@pytest.mark.slow
def test_every_layer_of_integers_alone_lies_between_two_grids() -> None:
    program = exported(*built("resnet18", 8, integer_only=True))
    layers = [node for node in program.graph.nodes if str(node.target) == "aten.conv2d.default"]
    assert len(layers) == 20
    for layer in layers:
        assert "dequantize_per_tensor" in str(layer.args[0].target)
        assert "dequantize_per_channel" in str(layer.args[1].target)
        (reader,) = layer.users
        if str(reader.target) == "aten.relu.default":
            (reader,) = reader.users
        assert "quantize_per_tensor" in str(reader.target)


def test_operators_tell_the_layer_that_they_belong_to() -> None:
    program = exported(*built("odd", None))
    told = {
        node.meta["custom"][LAYER]: str(node.target)
        for node in program.graph.nodes
        if LAYER in node.meta.get("custom", {})
    }
    assert told["stem"] == "aten.conv2d.default"
    assert told["head"] == "aten.linear.default"


def test_a_layer_whose_result_stays_a_float_keeps_weights_of_eight_bits() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 6)).eval()
    settings = SpaceSettings(quantization=QuantizationSettings(bits=(None, 8)))
    space = CompressionSpace(model, torch.zeros(1, 12), settings=settings)
    network = space.build(everywhere(space, "bits", 8))
    inputs = torch.randn(40, 12)
    network.calibrate([inputs])
    network.quantization = True
    kinds = [tensor.dtype for tensor in network.deployed().state_dict().values()]
    assert torch.int8 in kinds
    wanted, found = both(network, inputs)
    assert (found - wanted).abs().max() <= 0.02 * wanted.abs().max()
