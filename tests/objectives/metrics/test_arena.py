"""The arena by the blueprint, and the smallest in which TensorFlow Lite Micro loads the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.micro_nets import micro_net
from tests.objectives.artifact.test_litert import BODIES, SHAPE, around
from tests.spaces.nets import calibrated, everywhere, settled
from tightfit import Candidate, IntArray
from tightfit.objectives.artifact.litert import write_litert
from tightfit.objectives.metrics import STATIC_METRICS, compute_static
from tightfit.objectives.metrics.ram_kb import PEAK
from tightfit.objectives.metrics.tables import CostTables
from tightfit.objectives.profile import CPU, MICROCONTROLLER
from tightfit.objectives.runtimes.litert_micro import arena_kb
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

INTEGERS = QuantizationSettings(bits=(8, 4, 2), integer_only=True)
EVERYTHING = SpaceSettings(
    pruning=PruningSettings(align=1),
    quantization=INTEGERS,
    decomposition=DecompositionSettings(),
    depth=DepthSettings(),
)
RESNET, MOBILENET, DENSE = (
    "ResNet-8, 3x32x32",
    "MobileNetV2, narrow, 3x64x64",
    "linear layers, 5x128",
)


def space_of(name: str, settings: SpaceSettings = EVERYTHING) -> CompressionSpace:
    model, shape = micro_net(name)
    return CompressionSpace(model, torch.zeros(1, *shape), settings=settings)


def told(space: CompressionSpace, batch: IntArray) -> np.ndarray:
    return compute_static(space.blueprint(batch), MICROCONTROLLER)["ram_kb"]


def measured(space: CompressionSpace, candidate: Candidate, folder: Path) -> float:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("tflite_micro")
    program = calibrated(space.build(candidate)).program()
    write_litert(program, folder / "model.tflite", metadata={})
    return arena_kb(folder / "model.tflite").value


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("name", [RESNET, MOBILENET, DENSE])
def test_the_arena_of_a_network_is_within_a_hundredth(name: str, bits: int, tmp_path: Path) -> None:
    """Sums over a skip, padded copies and unpacked weights; linear layers, whose loading counts."""
    space = space_of(name)
    candidate = everywhere(space, "bits", bits)
    found = measured(space, candidate, tmp_path)
    assert told(space, np.array([candidate.indices]))[0] == pytest.approx(found, rel=0.01)


@pytest.mark.slow
def test_so_is_that_of_any_candidate(tmp_path: Path) -> None:
    """Pruned, decomposed and with blocks that are dropped."""
    space = space_of(RESNET)
    batch = space.search_space.random(4, np.random.default_rng(3))
    found = [measured(space, space.search_space.candidate(row), tmp_path) for row in batch]
    np.testing.assert_allclose(told(space, batch), found, rtol=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["depthwise conv of two channels each", "max pool that pads", "hardsigmoid", "silu", "softmax",
     "mul", "cat", "slice", "pad with a number", "shuffled channels", "bilinear", "sub"],
)  # fmt: skip
def test_every_operator_takes_what_the_runtime_keeps_of_it(name: str, tmp_path: Path) -> None:
    settings = SpaceSettings(quantization=INTEGERS)
    model = settled(around(name), SHAPE)
    space = CompressionSpace(model, torch.zeros(1, *SHAPE), settings=settings)
    candidate = everywhere(space, "bits", 8)
    found = measured(space, candidate, tmp_path)
    assert name in BODIES
    assert told(space, np.array([candidate.indices]))[0] == pytest.approx(found, rel=0.02)


def test_weights_of_four_bits_take_room_while_they_are_unpacked() -> None:
    """16 x 16 x 9 of the first block's second layer, beside all that is alive there."""
    space = space_of(RESNET)
    few = [everywhere(space, "bits", bits).indices for bits in (8, 4, 2)]
    wide, narrow, narrowest = told(space, np.array(few))
    assert narrow == narrowest
    assert 1 < narrow - wide < 16 * 16 * 9 / 1000 + 64 * 64 * 9 / 1000


def test_a_space_with_floats_has_activations_and_no_arena() -> None:
    floats = space_of(RESNET, replace(EVERYTHING, quantization=QuantizationSettings(bits=(8, 4))))
    batch = np.array([everywhere(floats, "bits", 8).indices])
    alive = PEAK(floats.blueprint(batch), CPU) / 1000
    assert told(floats, batch) == alive
    assert told(space_of(RESNET), batch) > alive + 5


@pytest.mark.parametrize("name", [RESNET, DENSE])
def test_tables_tell_what_blueprints_tell(name: str) -> None:
    space = space_of(name)
    ram = [static for static in STATIC_METRICS if static.metric.name == "ram_kb"]
    tables = CostTables(space.blueprint, space.search_space, MICROCONTROLLER, metrics=ram)
    batch = space.search_space.random(200, np.random.default_rng(5))
    np.testing.assert_array_equal(tables(batch)["ram_kb"], told(space, batch))
