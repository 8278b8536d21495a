"""Candidates of a ResNet-18: their files are their networks, and cost what was predicted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
import torchvision
from torch import nn

from tightfit import Candidate
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.metrics import SIZE_ERROR, SIZE_ERROR_KB, compute_static
from tightfit.objectives.profile import CPU
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import (
    DecompositionSettings,
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

METADATA = {"mean": "0.286", "std": "0.353", "labels": "0 1 2 3 4 5 6 7 8 9"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other take minutes where other work runs beside the tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def resnet() -> nn.Module:
    """Return a ResNet-18 for grey pictures of 28x28, its norms as if they had seen data."""
    torch.manual_seed(0)
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(1, 64, 3, stride=2, padding=1, bias=False)
    model.maxpool = nn.Identity()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return model


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    settings = SpaceSettings(
        pruning=PruningSettings(),
        quantization=QuantizationSettings(),
        decomposition=DecompositionSettings(),
        input_size=InputSizeSettings(),
    )
    return CompressionSpace(resnet(), torch.zeros(1, 1, 28, 28), settings=settings)


def pictures(network: Network, n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, *network.input_shape, generator=generator)


def built(space: CompressionSpace, candidate: Candidate, *, calibration: int = 16) -> Network:
    network = space.build(candidate)
    if network.quantized:
        network.calibrate([pictures(network, calibration)])
        network.quantization = True
    return network


def same_bits(space: CompressionSpace, bits: int) -> Candidate:
    names = [hparam.name for hparam in space.search_space.hparams]
    return space.search_space.from_choices({name: bits for name in names if name.endswith(".bits")})


def both(network: Network, path: Path) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the outputs of the written file and of the network."""
    write_onnx(network.program(), path, metadata=METADATA)
    inputs = pictures(network, 64)
    with torch.no_grad():
        expected = network(inputs).numpy()
    return predict(OnnxRuntime().open(path), inputs.numpy()), expected


def kernels(path: Path, folder: Path) -> Counter[str]:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_the_baselines_file_is_the_baseline(space: CompressionSpace, tmp_path: Path) -> None:
    found, expected = both(space.baseline_network(), tmp_path / "model.onnx")
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_a_pruned_and_decomposed_file_is_its_network(
    space: CompressionSpace, tmp_path: Path, seed: int
) -> None:
    row = space.search_space.random(1, np.random.default_rng(seed))[0]
    for column, hparam in enumerate(space.search_space.hparams):
        if hparam.name.endswith(".bits"):
            row[column] = 0
    network = built(space, space.search_space.candidate(row))
    found, expected = both(network, tmp_path / "model.onnx")
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("bits", [8, 4])
def test_a_quantized_file_computes_what_its_network_computes(
    space: CompressionSpace, tmp_path: Path, bits: int
) -> None:
    path = tmp_path / "model.onnx"
    network = built(space, same_bits(space, bits))
    found, expected = both(network, path)
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
    executed = kernels(path, tmp_path)
    assert (executed["QLinearConv"], executed["QLinearAdd"], executed["QGemm"]) == (20, 8, 1)
    assert not {"Conv", "Gemm", "Add", "DequantizeLinear"} & set(executed)


def test_four_bits_halve_the_file(space: CompressionSpace, tmp_path: Path) -> None:
    eight, four = (
        write_onnx(built(space, same_bits(space, bits)).program(), tmp_path / "m.onnx", metadata={})
        for bits in (8, 4)
    )
    assert four == pytest.approx(eight / 2, rel=0.01)


def test_new_weights_go_into_the_same_file(space: CompressionSpace, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    network = built(space, same_bits(space, 4))
    first = write_onnx(network.program(), path, metadata=METADATA)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.01)
    found, expected = both(network, path)
    assert path.stat().st_size == first
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.95


def check_sizes(space: CompressionSpace, path: Path, n: int) -> None:
    batch = space.search_space.random(n, np.random.default_rng(5))
    predicted = compute_static(space.blueprint(batch), CPU)["size_kb"]
    written = []
    for row in batch:
        network = built(space, space.search_space.candidate(row), calibration=2)
        written.append(write_onnx(network.program(), path, metadata=METADATA) / 1000)
    sizes = np.array(written)
    error = np.abs(predicted - sizes)
    assert (error <= np.maximum(SIZE_ERROR * sizes, SIZE_ERROR_KB)).all(), error


def test_the_predicted_size_is_that_of_random_candidates(
    space: CompressionSpace, tmp_path: Path
) -> None:
    check_sizes(space, tmp_path / "model.onnx", 4)


@pytest.mark.slow
def test_the_predicted_size_is_that_of_fifty_random_candidates(
    space: CompressionSpace, tmp_path: Path
) -> None:
    check_sizes(space, tmp_path / "model.onnx", 50)


@pytest.mark.slow
def test_a_file_is_built_in_half_a_second(space: CompressionSpace, tmp_path: Path) -> None:
    network = built(space, same_bits(space, 4))
    seconds = []
    for _ in range(3):
        # The processor's seconds: other work on the machine is not the file's.
        start = time.process_time()
        write_onnx(network.program(), tmp_path / "model.onnx", metadata=METADATA)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5


class ReadTwice(nn.Module):
    """A layer's weights are the factor of a product as well, before or after it."""

    def __init__(self, *, product_first: bool) -> None:
        super().__init__()
        self.stem = nn.Linear(64, 96)
        self.layer = nn.Linear(96, 96)
        self.head = nn.Linear(96, 5)
        self.product_first = product_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x.flatten(1)).relu()
        if self.product_first:
            x = self.layer((x @ self.layer.weight).relu())
        else:
            x = self.layer(x).relu() @ self.layer.weight
        found: torch.Tensor = self.head(x.relu())
        return found


@pytest.mark.parametrize("product_first", [True, False])
def test_weights_that_are_read_as_they_are_as_well_are_counted_in_the_file(
    tmp_path: Path, product_first: bool
) -> None:
    model = ReadTwice(product_first=product_first)
    settings = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
    space = CompressionSpace(model, torch.zeros(1, 1, 8, 8), settings=settings)
    for row in space.search_space.random(6, np.random.default_rng(0)):
        network = built(space, space.search_space.candidate(row))
        size = write_onnx(network.program(), tmp_path / "m.onnx", metadata=METADATA) / 1000
        blueprint = space.blueprint(row[None])
        predicted = float(compute_static(blueprint, CPU)["size_kb"][0])
        assert abs(predicted - size) <= SIZE_ERROR_KB
        assert sum(each.numel() for each in network.parameters()) == int(blueprint.params[0])


def test_a_norm_that_trains_nothing_and_stands_alone_is_counted_in_the_file(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 1024, 1), nn.ReLU(), nn.BatchNorm2d(1024, affine=False),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 3),
    )  # fmt: skip
    settings = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
    space = CompressionSpace(model, torch.zeros(1, 1, 8, 8), settings=settings)
    for row in space.search_space.random(4, np.random.default_rng(0)):
        network = built(space, space.search_space.candidate(row))
        size = write_onnx(network.program(), tmp_path / "m.onnx", metadata=METADATA) / 1000
        predicted = float(compute_static(space.blueprint(row[None]), CPU)["size_kb"][0])
        assert abs(predicted - size) <= SIZE_ERROR_KB
