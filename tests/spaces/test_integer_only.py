"""Networks without floats: every activation is rounded, on grids that integer operators have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.spaces.nets import calibrated, everywhere, make, pictures
from tightfit import SpecError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import DepthSettings, QuantizationSettings, SpaceSettings

INTEGERS = QuantizationSettings(bits=(None, 8, 4), integer_only=True)


class Gated(nn.Module):
    """A mean over windows and a gate: a grid that is kept, and one that is fixed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.avg_pool2d(self.first(x), 2)
        result: torch.Tensor = self.last(x * torch.sigmoid(x))
        return result


def gated(*, integer_only: bool = True) -> Network:
    torch.manual_seed(0)
    settings = SpaceSettings(
        quantization=QuantizationSettings(bits=(8,), integer_only=integer_only)
    )
    space = CompressionSpace(Gated().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    return calibrated(space.build(everywhere(space, "bits", 8)))


def grid(network: Network, name: str) -> tuple[float, int]:
    """Return scale and zero point of an activation."""
    state, nodes = network.state_dict(), {node.name: node for node in network.graph.nodes}
    parameters = nodes[f"{name}.quantize"].parameters
    return float(state[parameters["scale"]]), int(state[parameters["zero_point"]])


def test_float_weights_are_taken_out_of_the_space() -> None:
    settings = SpaceSettings(quantization=INTEGERS)
    space = CompressionSpace(Gated().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    bits = [each for each in space.search_space.hparams if each.name.endswith(".bits")]
    assert {hparam.choices for hparam in bits} == {(8, 4)}


def test_a_space_of_float_weights_alone_is_refused() -> None:
    with pytest.raises(SpecError, match=r"\[None\] leaves nothing; give 8, 4 or 2"):
        QuantizationSettings(bits=(None,), integer_only=True)


def test_every_activation_and_the_output_lie_on_256_levels() -> None:
    network = gated()
    with torch.no_grad():
        found = network.activations(pictures((3, 8, 8), 4))
    for node in network.graph.nodes:
        if node.operator == "quantize":
            scale, _ = grid(network, node.inputs[0])
            codes = found[node.name] / scale
            assert torch.allclose(codes, codes.round(), atol=1e-3)
    readers = network.graph.consumers()
    floats = [node.name for node in network.graph.nodes if node.operator != "quantize"]
    assert all([each.operator for each in readers[name]] == ["quantize"] for name in floats)
    assert network.graph.outputs == ("last.quantize",)


def test_a_mean_over_windows_keeps_its_grid_and_a_sigmoid_has_its_own() -> None:
    network = gated()
    (pool,) = (node.name for node in network.graph.nodes if node.operator == "avg_pool")
    assert grid(network, pool) == grid(network, "first")
    assert grid(network, "sigmoid") == (1 / 256, 0)


class Halved(nn.Module):
    """What has a fixed grid is moved by operators that keep the grid of what they read."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = torch.sigmoid(self.first(x)).chunk(2, 1)
        result: torch.Tensor = self.last(gate * nn.functional.avg_pool2d(value, 3, 1, 1))
        return result


def test_operators_that_keep_a_fixed_grid_leave_it_fixed() -> None:
    torch.manual_seed(0)
    space = CompressionSpace(
        Halved().eval(), torch.zeros(1, 3, 8, 8), settings=SpaceSettings(quantization=INTEGERS)
    )
    network = calibrated(space.build(everywhere(space, "bits", 8)))
    moved = [n.name for n in network.graph.nodes if n.operator in ("sigmoid", "slice", "avg_pool")]
    assert len(moved) == 4
    assert {grid(network, name) for name in moved} == {(1 / 256, 0)}


def test_floats_stay_where_nothing_asks_for_integers() -> None:
    network = gated(integer_only=False)
    assert network.graph.outputs == ("last",)
    assert "sigmoid.quantize" not in {node.name for node in network.graph.nodes}


@pytest.mark.parametrize("name", ["odd", "SharedBlock", "Skips"])
def test_the_blueprint_knows_which_activations_are_rounded(name: str) -> None:
    """Also where blocks are dropped, and what is fused with their sums is left alone."""
    model, shape = make(name)
    settings = SpaceSettings(quantization=INTEGERS, depth=DepthSettings())
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=settings)
    batch = space.search_space.random(4, np.random.default_rng(1))
    blueprint = space.blueprint(batch)
    for row, indices in enumerate(batch):
        network = space.build(space.search_space.candidate(indices))
        rounded = {n.inputs[0] for n in network.graph.nodes if n.operator == "quantize"}
        for node in network.graph.nodes:
            activation = blueprint.activations.get(node.name)
            if activation is not None and node.name in rounded:
                assert activation.bits[row] == 8, node.name
