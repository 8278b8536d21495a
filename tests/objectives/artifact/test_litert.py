"""Files of integers against the network that training sees, operator by operator."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import calibrated, everywhere, pictures, settled
from tightfit.errors import CandidateError, SpecError
from tightfit.objectives.artifact.litert import header, litert_bytes, operators, write_litert
from tightfit.objectives.artifact.litert.flatfile import format_classes
from tightfit.objectives.artifact.litert.rules import weights
from tightfit.objectives.runtimes import predict
from tightfit.objectives.runtimes.litert import LiteRt
from tightfit.objectives.runtimes.litert_micro import LiteRtMicro
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

interpreters = pytest.importorskip("ai_edge_litert.interpreter")
pytest.importorskip("tflite_micro")

SHAPE = (4, 9, 10)

Body = Callable[[Tensor], Tensor]


class Around(nn.Module):
    """An operator between a convolution, which gives it numbers of both signs, and a classifier."""

    def __init__(self, body: Body | nn.Module, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(SHAPE[0], 8, 3, padding=1)
        self.inside = body if isinstance(body, nn.Module) else nn.Identity()
        self.body = body
        self.last = nn.Conv2d(channels, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.last(self.body(self.first(x)))
        return result


class Flattened(nn.Module):
    """A picture of several positions that a linear layer reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(SHAPE[0], 6, 3, stride=2)
        self.last = nn.Linear(6 * 4 * 4, 7)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.last(torch.flatten(torch.relu(self.first(x)), 1))
        return result


def _shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.reshape(n, 2, c // 2, h, w).permute(0, 2, 1, 3, 4).reshape(n, c, h, w)


def _conv(outputs: int = 8, kernel: int = 3, **more: Any) -> nn.Module:
    return nn.Conv2d(8, outputs, kernel, **more)


BODIES: dict[str, tuple[Body | nn.Module, int]] = {
    "conv that pads evenly": (_conv(padding=1), 8),
    "conv of stride 2": (_conv(stride=2, padding=1), 8),
    "conv of a large kernel": (_conv(kernel=5, stride=2, padding=2), 8),
    "conv with holes": (_conv(padding=2, dilation=2), 8),
    "conv without padding": (_conv(stride=(2, 1), bias=False), 8),
    "grouped conv": (_conv(padding=1, groups=2), 8),
    "depthwise conv": (_conv(padding=1, groups=8), 8),
    "depthwise conv of two channels each": (_conv(16, stride=2, padding=1, groups=8), 16),
    "conv and relu": (nn.Sequential(_conv(), nn.ReLU()), 8),
    "conv and relu6": (nn.Sequential(_conv(), nn.ReLU6()), 8),
    "conv and hardtanh": (nn.Sequential(_conv(), nn.Hardtanh(0.0, 0.5)), 8),
    "hardtanh of its own": (lambda x: F.hardtanh(x * 0.7, -0.31, 0.2), 8),
    "norm": (nn.BatchNorm2d(8), 8),
    "norm in front of relu": (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(8), nn.ReLU()), 8),
    "relu of its own": (lambda x: F.relu(x) + x, 8),
    "relu6 of its own": (lambda x: F.relu6(x * 3) + x, 8),
    "hardswish": (F.hardswish, 8),
    "hardsigmoid": (F.hardsigmoid, 8),
    "sigmoid": (torch.sigmoid, 8),
    "silu": (F.silu, 8),
    "tanh": (torch.tanh, 8),
    "halves of a sigmoid": (lambda x: torch.cat(torch.sigmoid(x).chunk(2, 1)[::-1], 1), 8),
    "means of a hardsigmoid": (lambda x: F.avg_pool2d(F.hardsigmoid(x), 2), 8),
    "rows of a tanh": (lambda x: torch.tanh(x)[:, :, 2:7], 8),
    "leaky relu": (lambda x: F.leaky_relu(x, 0.2), 8),
    "softmax": (lambda x: torch.softmax(x, 1), 8),
    "a larger softmax": (lambda x: F.interpolate(torch.softmax(x, 1), scale_factor=2.0), 8),
    "add": (lambda x: x + F.relu(x), 8),
    "add and relu": (lambda x: F.relu(x + torch.tanh(x)), 8),
    "add a number": (lambda x: x + 0.37, 8),
    "sub": (lambda x: x - torch.sigmoid(x), 8),
    "sub a number": (lambda x: x - 0.37, 8),
    "mul": (lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), 8),
    "mul by a number": (lambda x: x * -1.7, 8),
    "div by a number": (lambda x: x / 3, 8),
    "max pool": (nn.MaxPool2d(2), 8),
    "max pool that pads": (nn.MaxPool2d(3, stride=2, padding=1), 8),
    "max pool of the ceiling": (nn.MaxPool2d(2, ceil_mode=True), 8),
    "avg pool": (nn.AvgPool2d(2), 8),
    "avg pool that counts its padding": (nn.AvgPool2d(3, stride=2, padding=1), 8),
    "avg pool that leaves it out": (nn.AvgPool2d(3, 1, 1, count_include_pad=False), 8),
    "adaptive pool to one": (nn.AdaptiveAvgPool2d(1), 8),
    "adaptive pool that divides": (nn.AdaptiveAvgPool2d((3, 5)), 8),
    "adaptive pool of nothing": (nn.AdaptiveAvgPool2d((9, 10)), 8),
    "mean of rows": (lambda x: x.mean(2, keepdim=True), 8),
    "cat": (lambda x: torch.cat([x, F.relu(x), torch.sigmoid(x)], 1), 24),
    "cat of rows": (lambda x: torch.cat([x, F.relu(x)], 2), 8),
    "slice": (lambda x: x[:, 2:6], 4),
    "slice of every other row": (lambda x: x[:, :, 1::2], 8),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), 8),
    "pad with a number": (lambda x: F.pad(x, (1, 2, 0, 1), value=0.3), 8),
    "permute": (lambda x: x.permute(0, 1, 3, 2), 8),
    "shuffled channels": (_shuffled, 8),
    "nearest": (nn.Upsample(scale_factor=2, mode="nearest"), 8),
    "bilinear": (nn.Upsample(scale_factor=2, mode="bilinear"), 8),
    "bilinear by corners": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), 8),
}


def network(model: nn.Module, *, bits: int = 8, integer_only: bool = True) -> Network:
    """Return a model's network with weights of ``bits`` everywhere, its ranges found."""
    settings = QuantizationSettings(bits=(bits,), integer_only=integer_only)
    space = CompressionSpace(
        settled(model, SHAPE), torch.zeros(1, *SHAPE), settings=SpaceSettings(quantization=settings)
    )
    return calibrated(space.build(everywhere(space, "bits", bits)))


def around(name: str) -> nn.Module:
    torch.manual_seed(0)
    return Around(*BODIES[name])


def steps(found: Network, path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return by runtime how far a network's file is from it, in steps of the output's grid."""
    inputs = pictures(SHAPE, 12, seed=5)
    with torch.no_grad():
        wanted = found(inputs).numpy()
    scale = float(dict(found.state_dict())[output_scale(found)])
    return {
        runtime.name.split(" ")[1]: abs(predict(runtime.open(path), inputs.numpy()) - wanted)
        / scale
        for runtime in (LiteRt(), LiteRtMicro())
    }


def output_scale(found: Network) -> str:
    nodes = {node.name: node for node in found.graph.nodes}
    return nodes[found.graph.outputs[0]].parameters["scale"]


@pytest.mark.parametrize("name", BODIES)
def test_a_file_is_within_a_step_of_its_network(name: str, tmp_path: Path) -> None:
    """A step more where the last layer multiplies a mean that was rounded the other way."""
    found = network(around(name))
    write_litert(found.program(), tmp_path / "model.tflite", metadata={})
    for distances in steps(found, tmp_path / "model.tflite").values():
        assert distances.max() < 3.01
        assert (distances < 1.01).mean() > 0.97
        assert distances.mean() < 0.4


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_a_flattened_picture_reaches_its_linear_layer_without_a_transpose(
    bits: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    found = network(Flattened(), bits=bits)
    write_litert(found.program(), tmp_path / "model.tflite", metadata={})
    content = (tmp_path / "model.tflite").read_bytes()
    assert operators(content) == ("CONV_2D", "RESHAPE", "FULLY_CONNECTED")
    assert all(
        distances.max() < 2.01 for distances in steps(found, tmp_path / "model.tflite").values()
    )


def test_a_depthwise_layer_that_strides_reads_no_padded_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros behind its weights change no code of what it gives, in either runtime."""
    found = network(around("depthwise conv of two channels each"))
    padding, growing = tmp_path / "padding.tflite", tmp_path / "growing.tflite"
    write_litert(found.program(), growing, metadata={})
    monkeypatch.setattr(weights, "_widened", lambda _scope, given: given)
    write_litert(found.program(), padding, metadata={})
    assert "PAD" in operators(padding.read_bytes())
    assert "PAD" not in operators(growing.read_bytes())
    inputs = pictures(SHAPE, 12).numpy()
    for runtime in (LiteRt(), LiteRtMicro()):
        one, other = (predict(runtime.open(path), inputs) for path in (padding, growing))
        np.testing.assert_array_equal(one, other)


def tensors(content: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = interpreters.Interpreter(
        model_content=content
    ).get_tensor_details()
    return found


@pytest.mark.parametrize("name", ["hardsigmoid", "silu", "cat", "mul", "max pool that pads"])
def test_no_tensor_is_of_floats(name: str) -> None:
    content = litert_bytes(network(around(name)).program(), metadata={})
    assert {each["dtype"] for each in tensors(content)} == {np.int8, np.int32}


def test_weights_of_four_bits_take_half_a_byte_in_convolutions() -> None:
    model = nn.Sequential(nn.Conv2d(4, 64, 1), nn.ReLU(), nn.Conv2d(64, 128, 3))
    eight, four = (
        len(litert_bytes(network(model, bits=bits).program(), metadata={})) for bits in (8, 4)
    )
    numbers = 64 * 4 + 128 * 64 * 9
    assert eight - four == pytest.approx(numbers / 2, rel=0.01)


def test_numbers_lie_where_kernels_can_read_them() -> None:
    content = litert_bytes(network(around("norm")).program(), metadata={"seed": "1"})
    schema = format_classes()
    model = schema.Model.GetRootAs(content)
    filled = [model.Buffers(number) for number in range(model.BuffersLength())]
    places = [each._tab.Vector(each._tab.Offset(4)) for each in filled if each.DataLength()]
    assert places
    assert all(place % 16 == 0 for place in places)


def test_metadata_are_kept() -> None:
    content = litert_bytes(network(around("sigmoid")).program(), metadata={"candidate": "c1"})
    assert b"candidate" in content
    assert b"c1" in content


REFUSED: dict[str, tuple[Body | nn.Module, str]] = {
    "gelu": (F.gelu, r"'gelu' \(gelu\) has no integer form, .*; serve this network with"),
    "conv_transpose": (nn.ConvTranspose2d(8, 8, 2), r"'body' \(conv_transpose\) has no integer"),
    "softmax": (lambda x: torch.softmax(x, 3), r"is along an axis other than the channels"),
    "div": (lambda x: x / torch.sigmoid(x), r"'div' \(div\) divides activations"),
    "adaptive": (nn.AdaptiveAvgPool2d((2, 3)), r"averages \[9, 10\] to \[2, 3\] in windows of"),
    "max_pool": (nn.MaxPool2d(2, dilation=2), r"has windows with holes"),
    "avg_pool": (
        nn.AvgPool2d(2, 1, 1, count_include_pad=False),
        r"leaves padding out of its means, .*; use count_include_pad = True",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_integers_cannot_express_is_refused_with_its_layer(name: str) -> None:
    body, message = REFUSED[name]
    torch.manual_seed(0)
    with pytest.raises(CandidateError, match=message):
        litert_bytes(network(Around(body, 8)).program(), metadata={})


@pytest.mark.parametrize("name", ["conv and hardtanh", "hardtanh of its own"])
def test_limits_inside_of_a_grid_are_refused(name: str) -> None:
    program = network(around(name)).program()
    (clip,) = (node.name for node in program.graph.nodes if node.operator == "clip")
    (rounding,) = program.graph.consumers()[clip]
    scale = rounding.parameters["scale"]
    wide = {**program.tensors, scale: program.tensors[scale] * np.float32(2)}
    with pytest.raises(
        CandidateError, match=r"(cuts|is cut) off at \(-?0.*\), .*; use ReLU or ReLU6"
    ):
        litert_bytes(replace(program, tensors=wide), metadata={})


def test_floats_are_refused_with_what_to_write() -> None:
    found = network(around("sigmoid"), integer_only=False)
    with pytest.raises(CandidateError, match=r"gives floats .*integer_only = true"):
        litert_bytes(found.program(), metadata={})


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    program = network(around("sigmoid")).program()
    monkeypatch.setitem(sys.modules, "ai_edge_litert.schema_py_generated", None)
    with pytest.raises(SpecError, match=r"'ai-edge-litert' .*pip install 'tightfit\[litert\]'"):
        litert_bytes(program, metadata={})


STUB = """\
#pragma once
enum TfLiteStatus { kTfLiteOk, kTfLiteError };
namespace tflite {
template <unsigned int n> struct MicroMutableOpResolver {
  unsigned int added = 0;
  TfLiteStatus AddConv2D() { ++added; return kTfLiteOk; }
  TfLiteStatus AddReshape() { ++added; return kTfLiteOk; }
  TfLiteStatus AddFullyConnected() { ++added; return kTfLiteOk; }
};
}
"""
PROGRAM = """\
#include "model.h"
#include <cstdio>
int main() {
  tflite::MicroMutableOpResolver<kTightfitOperators> resolver;
  if (AddTightfitOperators(resolver) != kTfLiteOk || resolver.added != kTightfitOperators) return 1;
  std::fwrite(kTightfitModel, 1, kTightfitModelBytes, stdout);
  return kTightfitArenaBytes == 4096 ? 0 : 2;
}
"""


def test_the_header_compiles_to_the_files_bytes_and_adds_its_operators(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    content = litert_bytes(network(Flattened()).program(), metadata={})
    resolver = tmp_path / "tensorflow/lite/micro/micro_mutable_op_resolver.h"
    resolver.parent.mkdir(parents=True)
    resolver.write_text(STUB)
    (tmp_path / "model.h").write_text(header(content, arena_bytes=4096))
    (tmp_path / "main.cc").write_text(PROGRAM)
    build = [compiler, "-std=c++17", "-I.", "main.cc", "-o", "device"]
    subprocess.run(build, cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "device"], check=True, capture_output=True)
    assert said.stdout == content
