"""Portable files give the same integers where products are added in 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.objectives.learning import SmallNet, fashion
from tightfit import Program
from tightfit.objectives.artifact.writer import onnx_model
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.saturation import saturating_layers, within_16_bits
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings, TargetCpu

Codes = npt.NDArray[np.int64]


def products(activations: Codes, weights: Codes, *, saturate: bool) -> Codes:
    """Return sums of products ``[n, O]`` of codes ``[n, K]`` and ``[O, K]`` in 32 bits.

    Args:
        activations: 0..255.
        weights: -128..127.
        saturate: Add neighbours in 16 bits first, as ``pmaddubsw`` does.
    """
    odd = weights.shape[1] % 2
    activations, weights = (np.pad(codes, ((0, 0), (0, odd))) for codes in (activations, weights))
    each = activations[:, None] * weights[None]
    pairs = each.reshape(*each.shape[:2], -1, 2).sum(-1)
    result: Codes = (np.clip(pairs, -(2**15), 2**15 - 1) if saturate else pairs).sum(-1)
    return result


def program(bits: int, target_cpu: TargetCpu) -> Program:
    torch.manual_seed(0)
    settings = SpaceSettings(quantization=QuantizationSettings("network", (bits,), target_cpu))
    space = CompressionSpace(SmallNet(8).eval(), torch.zeros(1, 1, 28, 28), settings=settings)
    network = space.build(space.search_space.baseline())
    data = fashion()
    network.calibrate([prepare_inputs(data, data.train.inputs[:64], (1, 28, 28))])
    return network.program()


def layers(found: Program) -> list[Codes]:
    """Return the codes of every quantized layer as ``[O, K]``."""
    return [
        codes.reshape(len(codes), -1).astype(np.int64)
        for node in found.graph.nodes
        if "weight_bits" in node.attributes
        for codes in [np.asarray(found.tensors[node.parameters["weight"]])]
    ]


def inputs(weights: Codes, seed: int = 0) -> Codes:
    """Return codes that ordinary pictures give, and those that are worst for some channel."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 256, (64, weights.shape[1]))
    return np.concatenate([drawn, 255 * (weights > 0), 255 * (weights < 0)])


@pytest.mark.parametrize(
    ("bits", "target_cpu"),
    [(8, "portable"), (4, "portable"), (2, "portable"), (4, "vnni"), (2, "arm")],
)
def test_nothing_saturates_in_a_portable_file_and_never_with_few_bits(
    bits: int, target_cpu: TargetCpu
) -> None:
    found = program(bits, target_cpu)
    assert saturating_layers(onnx_model(found, metadata={})) == ()
    assert len(layers(found)) == 3
    for weights in layers(found):
        codes = inputs(weights)
        np.testing.assert_array_equal(
            products(codes, weights, saturate=True), products(codes, weights, saturate=False)
        )


def test_weights_of_the_whole_eight_bits_saturate_and_are_named() -> None:
    found = program(8, "vnni")
    assert saturating_layers(onnx_model(found, metadata={})) == ("conv1", "conv2", "head")
    wrong = [
        (products(codes, weights, saturate=True) != products(codes, weights, saturate=False)).any()
        for weights in layers(found)
        for codes in [inputs(weights)]
    ]
    assert any(wrong)


@pytest.mark.parametrize(
    ("codes", "safe"),
    [
        ([[64, 64, -64]], True),
        ([[65, 64, 0]], False),
        ([[127, 1, 1]], True),
        ([[-64, -64, 127]], True),
        ([[-127, -2, 0]], False),
        ([[127]], True),
    ],
)
def test_the_bound_is_over_any_two_codes(codes: list[list[int]], safe: bool) -> None:
    weights: npt.NDArray[Any] = np.array(codes)
    assert within_16_bits(weights) is safe
    worst = np.array([[255 * int(code > 0) for code in codes[0]]])
    if safe:
        exact = products(worst, weights, saturate=False)
        np.testing.assert_array_equal(products(worst, weights, saturate=True), exact)
