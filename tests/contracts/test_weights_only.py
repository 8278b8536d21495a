"""Layers whose weights alone are codes: what is computed of them is what is built and written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tests.contracts.test_blueprint_matches_surgery import ALL, METADATA, everything, moved
from tests.spaces.nets import calibrated, make, pictures
from tests.spaces.recompiled import recompiled
from tightfit import Candidate
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.metrics import (
    SIZE_ERROR,
    SIZE_ERROR_KB,
    STATIC_METRICS,
    compute_static,
)
from tightfit.objectives.metrics.tables import CostTables
from tightfit.objectives.profile import CPU
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import QuantizationSettings

NETS = (
    "odd", "Tokens", "Groups", "Skips", "small_vit",
    pytest.param("mobilenet_v3_small", marks=pytest.mark.matrix),
)  # fmt: skip
QUANTIZATION = QuantizationSettings(bits=(None, 8, 4, 2), activations=(8, None))


def space_of(name: str, quantization: QuantizationSettings) -> CompressionSpace:
    model, shape = make(name)
    return everything(model, shape, settings=replace(ALL, quantization=quantization))


@pytest.fixture(scope="module", params=NETS)
def space(request: pytest.FixtureRequest) -> CompressionSpace:
    return space_of(request.param, QUANTIZATION)


def candidates(space: CompressionSpace, n: int) -> list[Candidate]:
    batch = space.search_space.random(n, np.random.default_rng(5))
    return [space.search_space.candidate(row) for row in batch]


def weights_only(space: CompressionSpace, candidate: Candidate) -> list[str]:
    choices = space.search_space.choices(candidate)
    suffix = ".activation_bits"
    return [
        name.removesuffix(suffix)
        for name, choice in choices.items()
        if name.endswith(suffix) and choice is None
    ]


def test_every_layer_has_the_choice_and_random_candidates_take_both(
    space: CompressionSpace,
) -> None:
    names = [hparam.name for hparam in space.search_space.hparams]
    bits = [name for name in names if name.endswith(".bits")]
    assert [name.replace(".bits", ".activation_bits") for name in bits] == [
        name for name in names if name.endswith(".activation_bits")
    ]
    counts = [len(weights_only(space, each)) for each in candidates(space, 5)]
    assert 0 < sum(counts) < 5 * len(bits)


def test_every_static_metric_is_that_of_the_built_graph(space: CompressionSpace) -> None:
    for candidate in candidates(space, 3):
        built = recompiled(space.build(candidate), weights_only(space, candidate))
        expected = compute_static(built, CPU)
        found = compute_static(space.blueprint(np.array([candidate.indices])), CPU)
        for name, value in expected.items():
            names = max(0.1, 0.001 * float(value[0])) if name in ("size_kb", "flash_kb") else 0.0
            assert float(found[name][0]) == pytest.approx(float(value[0]), abs=names), name


def test_tables_say_what_the_blueprint_says(space: CompressionSpace) -> None:
    tables = CostTables(space.blueprint, space.search_space, CPU, metrics=STATIC_METRICS)
    batch = space.search_space.random(64, np.random.default_rng(6))
    expected = compute_static(space.blueprint(batch), CPU)
    for name, values in tables(batch).items():
        assert values == pytest.approx(expected[name], rel=1e-9), name


def test_the_file_has_the_predicted_size_and_is_the_network(
    space: CompressionSpace, tmp_path: Path
) -> None:
    for candidate in candidates(space, 3):
        blueprint = space.blueprint(np.array([candidate.indices]))
        predicted = float(compute_static(blueprint, CPU)["size_kb"][0])
        network = calibrated(moved(space.build(candidate)))
        path = tmp_path / "model.onnx"
        size = write_onnx(network.program(), path, metadata=METADATA) / 1000
        assert abs(predicted - size) <= max(SIZE_ERROR * size, SIZE_ERROR_KB)
        inputs = pictures(network.input_shape, 64, seed=2)
        found = torch.from_numpy(predict(OnnxRuntime().open(path), inputs.numpy()))
        with torch.no_grad():
            expected = network(inputs)
            network.quantization = False
            whole = network(inputs)
        # On a grid's edge a float may fall on the next level, and what follows makes it more.
        distance = (found - expected).square().mean().sqrt()
        rounding = (expected - whole).square().mean().sqrt()
        assert distance <= 0.05 * rounding + 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", ["odd", "small_vit"])
def test_without_rounded_activations_there_is_nothing_but_floats_to_run(
    name: str, tmp_path: Path
) -> None:
    space = space_of(name, QuantizationSettings(bits=(4,), activations=(None,)))
    network = calibrated(space.build(space.search_space.baseline()))
    path = tmp_path / "model.onnx"
    size = write_onnx(network.program(), path, metadata=METADATA)
    operators = {node.op_type for node in onnx.load(path).graph.node}
    assert not operators & {"QuantizeLinear", "DequantizeLinear"}
    state = sum(parameter.numel() for parameter in network.parameters())
    assert size < 4 * state
    inputs = pictures(network.input_shape, 32, seed=2)
    found = predict(OnnxRuntime().open(path), inputs.numpy())
    with torch.no_grad():
        expected = network(inputs).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
