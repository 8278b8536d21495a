"""Weights that a layer computes from its own parameters are one parameter of a traced network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.bad_models import PICTURE, Model, conv, tail
from tests.spaces.working_models import Pooling, Standardized
from tightfit import SpecError
from tightfit.spaces.network import Network
from tightfit.spaces.tracing import Traced, trace


def network_of(found: Traced) -> Network:
    tensors = {name: tensor.clone() for name, tensor in found.tensors.items()}
    return Network(
        found.graph, tensors, trainable=found.trainable, input_shape=found.input_shape
    ).eval()


def test_a_computed_weight_takes_the_place_of_what_it_is_computed_from() -> None:
    model = nn.Sequential(Standardized(3, 16), nn.ReLU(), Standardized(16, 16), nn.ReLU(), tail())
    found = trace(model, torch.zeros(1, *PICTURE))
    assert found.computed == {
        "0.weight": ("0.gain", "0.weight"),
        "2.weight": ("2.gain", "2.weight"),
    }
    assert "0.gain" not in found.tensors
    assert {"0.weight", "0.bias", "2.weight"} <= found.trainable
    rows = found.tensors["0.weight"].flatten(1)
    torch.testing.assert_close(rows.mean(1), torch.zeros(16), atol=1e-6, rtol=0)
    assert [node.operator for node in found.graph.nodes][:3] == ["conv", "relu", "conv"]


def test_one_layer_that_is_called_twice_has_one_weight() -> None:
    layer = Standardized(16, 16)
    model = nn.Sequential(conv(), layer, nn.ReLU(), layer, tail())
    found = trace(model, torch.zeros(1, *PICTURE))
    weights = [node.parameters["weight"] for node in found.graph.nodes if node.operator == "conv"]
    assert weights[0] == "0.weight"
    assert weights[1] == weights[2]
    assert {*found.computed} == {weights[1]}


def test_a_weight_of_another_shape_than_its_parameters_is_named_by_its_layer() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        scores: Tensor = m.t(F.conv2d(m.a(x), (m.left @ m.right).view(16, 16, 1, 1)))
        return scores

    left, right = nn.Parameter(torch.rand(16, 2)), nn.Parameter(torch.rand(2, 16))
    model = Model(forward, left=left, right=right)
    found = trace(model, torch.zeros(1, *PICTURE))
    assert found.computed == {"weight": ("left", "right")}
    assert found.trainable >= {"weight"}
    inputs = torch.randn(2, *PICTURE)
    with torch.no_grad():
        torch.testing.assert_close(network_of(found)(inputs), model(inputs))


def test_weights_of_one_module_have_names_of_their_own() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        scores: Tensor = m.t(F.conv2d(F.conv2d(m.a(x), m.n * m.o), m.p * m.q))
        return scores

    parts = {name: nn.Parameter(torch.rand(16, 16, 1, 1)) for name in "nopq"}
    model = Model(forward, **parts)
    found = trace(model, torch.zeros(1, *PICTURE))
    assert found.computed == {"weight": ("n", "o"), "weight_computed": ("p", "q")}


def test_a_weight_that_is_computed_from_buffers_is_not_trained() -> None:
    model = Model(lambda m, x: m.t(F.conv2d(m.a(x), m.n.repeat(16, 1, 1, 1), groups=16)),
                  n=torch.rand(1, 1, 3, 3))  # fmt: skip
    found = trace(model, torch.zeros(1, *PICTURE))
    (filters,) = (name for name, tensor in found.tensors.items() if tensor.shape == (16, 1, 3, 3))
    assert filters not in found.trainable
    assert found.computed == {}


def test_parts_of_one_parameter_are_weights_of_their_own() -> None:
    found = trace(Pooling(), torch.zeros(1, 10, 6))
    weight, bias = "mix.in_proj_weight", "mix.in_proj_bias"
    parts = {f"{name}_part{each}": (name,) for name in (weight, bias) for each in (1, 2)}
    assert found.computed == parts
    assert found.tensors[f"{weight}_part1"].shape == (16, 16)
    assert found.tensors[f"{weight}_part2"].shape == (32, 16)
    assert found.trainable >= {*parts}


def test_parts_with_the_same_numbers_stay_two_parameters() -> None:
    """They are alike before the first training, and not behind it."""

    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x)
        scores: Tensor = m.t(F.conv2d(F.conv2d(y, m.n[:16]), m.n[16:]))
        return scores

    found = trace(
        Model(forward, n=nn.Parameter(torch.ones(32, 16, 1, 1))), torch.zeros(1, *PICTURE)
    )
    assert found.computed == {"n_part1": ("n",), "n_part2": ("n",)}


@pytest.mark.parametrize(
    "forward",
    [
        lambda m, x: m.t(F.conv2d(m.a(x), m.n * 2) + F.conv2d(m.a(x), m.n)),
        lambda m, x: m.t(F.conv2d(m.a(x)[:, :8], m.n[:, :8]) + F.conv2d(m.a(x), m.n)),
        lambda m, x: m.t(torch.cat([F.conv2d(m.a(x), m.n[:9]), F.conv2d(m.a(x), m.n[9:] * 2)], 1)),
        lambda m, x: m.t(torch.cat([F.conv2d(m.a(x), m.n[:9]), F.conv2d(m.a(x), m.n[8:15])], 1)),
        lambda m, x: m.t(F.conv2d(m.a(x), m.n * 2) + F.conv2d(m.a(x), m.n.flip(0))),
        lambda m, x: m.t(F.conv2d(m.a(x), m.n * 2) + m.n.mean((1, 2, 3))[:, None, None]),
    ],
)
def test_what_something_else_reads_is_left_alone(forward: Any) -> None:
    model = Model(forward, n=nn.Parameter(torch.rand(16, 16, 1, 1)))
    with pytest.raises(SpecError, match=r"is computed from activations, or from param"):
        trace(model, torch.zeros(1, *PICTURE))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nfnet_l0", "resnetv2_50x1_bit"])
def test_networks_that_standardize_their_weights_are_traced(name: str) -> None:
    timm = pytest.importorskip("timm")
    model = timm.create_model(name, num_classes=10).eval()
    found = trace(model, torch.zeros(1, 3, 64, 64))
    convolutions = [node for node in found.graph.nodes if node.operator == "conv"]
    assert len(found.computed) >= 50
    assert {*found.computed} <= {node.parameters["weight"] for node in convolutions}
    inputs = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network_of(found)(inputs), model(inputs), atol=1e-5, rtol=1e-4)
