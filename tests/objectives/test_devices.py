from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.objectives.learning import SmallNet
from tightfit import Graph, Node, SpecError
from tightfit.objectives.devices import Precision, choose_precision
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import EVERYTHING

BFLOAT16 = Precision("cpu", bfloat16=True)


class Traced(nn.Module):
    """A network that says what it is by a graph."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        node = Node("conv", "conv", ("x",), {"weight": "w"}, {"groups": groups})
        self.graph = Graph(("x",), (node, Node("relu", "relu", ("conv",))), ("relu",))


def with_devices(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")]
)
def test_auto_takes_the_fastest_device_that_is_there(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str
) -> None:
    with_devices(monkeypatch, cuda=cuda, mps=mps)
    precision = choose_precision("auto")
    assert precision.device == chosen
    if chosen != "cpu":
        assert precision.bfloat16 is (chosen == "cuda")


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_devices(monkeypatch, cuda=False, mps=False)
    with pytest.raises(SpecError, match=r"'training.device' is 'cuda', but this machine has cpu"):
        choose_precision("cuda")


def test_autocast_computes_in_bfloat16_only_where_it_is_on() -> None:
    matrix = torch.ones(2, 2)
    with BFLOAT16.autocast():
        assert (matrix @ matrix).dtype == torch.bfloat16
    with Precision("cpu", bfloat16=False).autocast():
        assert (matrix @ matrix).dtype == torch.float32


def test_attention_on_a_cpu_is_computed_in_float32_within_autocast() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 9, 8, generator=generator, dtype=torch.bfloat16)
    mask = torch.ones(9, 9, dtype=torch.bool).tril()
    exact = F.scaled_dot_product_attention(
        query.float(), key.float(), value.float(), attn_mask=mask, scale=0.5
    )
    with BFLOAT16.suited(nn.Identity()).autocast():
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.5)
        assert (found @ found.mT).dtype == torch.bfloat16
    assert torch.equal(found, exact)


def test_a_traced_network_without_attention_is_not_watched_for_it() -> None:
    assert not BFLOAT16.suited(Traced(1)).float32_attention
    attends = Traced(1)
    attends.graph = Graph(("x",), (Node("a", "attention", ("x", "x", "x")),), ("a",))
    assert BFLOAT16.suited(attends).float32_attention


def test_pictures_and_weights_are_laid_out_channels_last() -> None:
    net = BFLOAT16.place(SmallNet())
    last = torch.channels_last
    assert next(net.parameters()).is_contiguous(memory_format=last)
    assert BFLOAT16.inputs(torch.zeros(2, 3, 4, 5)).is_contiguous(memory_format=last)
    assert BFLOAT16.inputs(torch.zeros(2, 3)).shape == (2, 3)


@pytest.mark.parametrize("grouped", [False, True])
def test_networks_with_grouped_convolutions_train_in_float32_on_a_cpu(grouped: bool) -> None:
    layer = nn.Sequential(nn.Conv2d(8, 8, 3, groups=8 if grouped else 1), nn.ReLU())
    for model in (layer, Traced(8 if grouped else 1)):
        assert BFLOAT16.suited(model).bfloat16 is not grouped
        assert Precision("cuda", bfloat16=True).suited(model).bfloat16


@pytest.mark.parametrize(
    ("layer", "last"),
    [
        (nn.Conv2d(4, 32, 1, stride=2), False),
        (nn.Conv2d(8, 32, 1, stride=2), True),
        (nn.Conv2d(4, 32, 1), True),
        (nn.Conv2d(4, 32, 3, stride=2), True),
        (nn.Conv2d(8, 32, 1, stride=2, groups=2), True),
    ],
)
def test_no_layout_is_chosen_in_which_a_gradient_leaves_its_memory(
    layer: nn.Conv2d, last: bool
) -> None:
    pictures = torch.zeros(1, layer.in_channels, 8, 8)
    space = CompressionSpace(nn.Sequential(layer, nn.ReLU()), pictures, settings=EVERYTHING)
    for model in (layer, space.baseline_network()):
        for precision in (BFLOAT16, Precision("cpu", bfloat16=False)):
            suited = precision.suited(model)
            assert suited.channels_last is last
            laid_out = suited.inputs(torch.zeros(2, layer.in_channels, 8, 8))
            assert laid_out.is_contiguous(memory_format=torch.channels_last) is last
            assert suited.place(model) is model
    assert Precision("cuda", bfloat16=True).suited(layer).channels_last
