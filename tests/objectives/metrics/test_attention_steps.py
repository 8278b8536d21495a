"""An attention costs what the operators cost that a file has of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit.objectives.metrics import compute_static
from tightfit.objectives.metrics.ram_kb import PEAK
from tightfit.objectives.profile import CPU, EnergyTable
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings

HEADS, WIDTH = 4, 8


class Attends(nn.Module):
    """Tokens of a picture attend to each other, in one call or in the operators that it stands for.

    Args:
        spelled_out: In operators.
        masked: With numbers that are added to the scores.
    """

    mask: Tensor | None

    def __init__(self, *, spelled_out: bool, masked: bool) -> None:
        super().__init__()
        self.spelled_out = spelled_out
        self.stem = nn.Conv2d(3, HEADS * WIDTH, 1)
        self.qkv = nn.Linear(HEADS * WIDTH, 3 * HEADS * WIDTH)
        self.out = nn.Linear(HEADS * WIDTH, 10)
        near = torch.arange(64.0)
        mask = -(near[:, None] - near).abs() if masked else None
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        heads = self.qkv(x).reshape(len(x), -1, 3, HEADS, WIDTH).permute(2, 0, 3, 1, 4)
        q, k, v = heads.unbind(0)
        if not self.spelled_out:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        else:
            scores = (q * WIDTH**-0.5) @ k.transpose(-2, -1)
            y = (scores if self.mask is None else scores + self.mask).softmax(-1) @ v
        tokens: Tensor = self.out(y.transpose(1, 2).flatten(2))
        return tokens.mean(1)


def space_of(*, spelled_out: bool, masked: bool = False, side: int = 8) -> CompressionSpace:
    torch.manual_seed(0)
    model = Attends(spelled_out=spelled_out, masked=masked).eval()
    settings = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
    return CompressionSpace(model, torch.zeros(1, 3, side, side), settings=settings)


@pytest.mark.parametrize("masked", [False, True])
def test_it_costs_the_same_in_one_call_and_spelled_out(masked: bool) -> None:
    called, spelled = (space_of(spelled_out=each, masked=masked) for each in (False, True))
    batch = called.search_space.random(64, np.random.default_rng(0))
    batch[0] = 0
    names = [hparam.name for hparam in called.search_space.hparams]
    assert names == [hparam.name for hparam in spelled.search_space.hparams]
    found, expected = (compute_static(each.blueprint(batch), CPU) for each in (called, spelled))
    for name in ("macs", "params", "ram_kb", "energy_mj", "power_mw"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_the_scores_of_many_tokens_are_the_fullest_moment() -> None:
    """At the softmax there are two of them, and the values."""
    blueprint = space_of(spelled_out=False, side=16).baseline_blueprint()
    scores, values = HEADS * 256 * 256, 256 * HEADS * WIDTH
    assert PEAK(blueprint, CPU).tolist() == [4 * (2 * scores + values)]


def test_products_of_activations_take_energy() -> None:
    blueprint = space_of(spelled_out=False).baseline_blueprint()
    (products,) = (each.products for each in blueprint.operations if each.scores is not None)
    assert products is not None
    assert products.tolist() == [2 * HEADS * 64 * 64 * WIDTH]
    arithmetic = EnergyTable(sram_pj_per_byte=0, dram_pj_per_byte=0)
    found = compute_static(blueprint, replace(CPU, energy=arithmetic))
    np.testing.assert_allclose(found["energy_mj"], found["macs"] * 4.6 * 5 * 1e-9)
