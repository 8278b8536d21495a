"""Quantized programs as files: right numbers, packed bytes and integer kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch

from tightfit.errors import CandidateError
from tightfit.graph import Graph, Node
from tightfit.objectives.artifact.packing import Initializer, add_packed_initializer
from tightfit.objectives.artifact.writer import onnx_model, write_onnx
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
Floats = npt.NDArray[np.float32]


def pictures(n: int = 16) -> Floats:
    return np.random.default_rng(7).standard_normal((n, 1, 28, 28), dtype=np.float32)


def outputs(program: Program, path: Path, inputs: Floats) -> Floats:
    write_onnx(program, path, metadata={})
    return predict(OnnxRuntime().open(path), inputs)


def kernels(path: Path, folder: Path) -> Counter[str]:
    """Count the operators that the runtime really executes."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    optimized = onnx.load(folder / "optimized.onnx")
    return Counter(node.op_type for node in optimized.graph.node)


def simulated(program: Program, inputs: Floats) -> Floats:
    """Execute the residual program in torch with rounded activations."""
    tensors = {name: torch.from_numpy(np.asarray(t)) for name, t in program.tensors.items()}
    values = {"input": torch.from_numpy(inputs)}
    for node in program.graph.nodes:
        values[node.name] = _execute(node, [values[name] for name in node.inputs], tensors)
    return values[program.graph.outputs[0]].numpy()


def _execute(
    node: Node, inputs: list[torch.Tensor], tensors: dict[str, torch.Tensor]
) -> torch.Tensor:
    x, parameters = inputs[0], {role: tensors[name] for role, name in node.parameters.items()}
    if node.operator == "quantize":
        scale, zero = parameters["scale"], parameters["zero_point"].float()
        return (torch.clamp(torch.round(x / scale) + zero, 0, 255) - zero) * scale
    if node.operator in ("conv", "linear"):
        weight = parameters["weight"].float()
        if "weight_scale" in parameters:
            scale = parameters["weight_scale"]
            weight = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
        if node.operator == "linear":
            return torch.nn.functional.linear(x, weight, parameters["bias"])
        stride, padding = node.attributes["stride"], node.attributes["padding"]
        assert isinstance(stride, tuple)
        assert isinstance(padding, tuple)
        return torch.nn.functional.conv2d(
            x, weight, parameters["bias"], [int(s) for s in stride], [int(p) for p in padding]
        )
    simple: dict[str, Callable[[], torch.Tensor]] = {
        "relu": lambda: torch.relu(x),
        "add": lambda: x + inputs[1],
        "max_pool": lambda: torch.nn.functional.max_pool2d(x, 2),
        "adaptive_avg_pool": lambda: x.mean((2, 3), keepdim=True),
        "flatten": lambda: x.flatten(1),
    }
    return simple[node.operator]()


def test_a_float_file_gives_the_same_numbers(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    program = residual_program(None)
    found = outputs(program, tmp_path / "model.onnx", pictures())
    np.testing.assert_allclose(found, simulated(program, pictures()), atol=1e-5)


@pytest.mark.parametrize(("bits", "steps"), [(8, 2), (4, 2), (2, 3)])
def test_a_quantized_file_is_within_steps_of_the_simulation(
    residual_program: ResidualProgram, tmp_path: Path, bits: int, steps: int
) -> None:
    program = residual_program(bits)
    found = outputs(program, tmp_path / "model.onnx", pictures())
    expected = simulated(program, pictures())
    step = float(program.tensors["mean.grid.scale"])
    assert np.abs(found - expected).max() < steps * step
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 15 / 16


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_every_quantized_operator_finds_its_integer_kernel(
    residual_program: ResidualProgram, tmp_path: Path, bits: int
) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(bits), path, metadata={})
    found = kernels(path, tmp_path)
    assert found["QLinearConv"] == 4
    assert found["QLinearAdd"] == 1
    assert found["QLinearGlobalAveragePool"] == 1
    assert found["QGemm"] == 1
    assert not {"Conv", "Gemm", "Add", "Cast", "DequantizeLinear"} & set(found)


def test_few_bits_run_as_the_same_kernels_as_eight(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    for bits in (8, 4, 2):
        write_onnx(residual_program(bits), tmp_path / f"{bits}.onnx", metadata={})
    found = [kernels(tmp_path / f"{bits}.onnx", tmp_path) for bits in (8, 4, 2)]
    assert found[0] == found[1] == found[2]


def test_few_bits_take_their_share_of_the_bytes_of_eight(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    eight, four, two = (
        write_onnx(residual_program(bits, width=128), tmp_path / f"{bits}.onnx", metadata={})
        for bits in (8, 4, 2)
    )
    assert four == pytest.approx(eight / 2, rel=0.05)
    assert two <= 0.32 * eight


def test_a_file_asks_for_no_newer_format_than_its_bits_need(
    residual_program: ResidualProgram,
) -> None:
    models = [onnx_model(residual_program(bits), metadata={}) for bits in (8, 4, 2)]
    assert [model.opset_import[0].version for model in models] == [18, 21, 25]
    assert [model.ir_version for model in models] == [8, 10, 13]


@pytest.mark.parametrize("bits", [4, 2])
@pytest.mark.parametrize("count", [1, 4, 5, 6, 7])
def test_packed_codes_are_read_back_by_onnx(bits: int, count: int) -> None:
    limit = 2 ** (bits - 1)
    codes = np.resize(np.arange(-limit, limit, dtype=np.int8), count)
    found: list[Initializer] = []
    add_packed_initializer(found, "codes", codes, bits=bits)
    tensor = found[0].header
    tensor.raw_data = bytes(found[0].content)
    assert len(tensor.raw_data) == -(-count * bits // 8)
    read = onnx.numpy_helper.to_array(tensor)
    assert read.astype(np.int8).tolist() == codes.tolist()


def test_a_pair_of_quantization_serves_all_its_readers(residual_program: ResidualProgram) -> None:
    program = residual_program(8)
    grids = sum(node.operator == "quantize" for node in program.graph.nodes)
    count = Counter(node.op_type for node in onnx_model(program, metadata={}).graph.node)
    assert count["QuantizeLinear"] == grids
    assert count["DequantizeLinear"] == grids + 2 * 5


@pytest.mark.parametrize("bits", [8, 4, 2])
def test_quantized_weights_without_a_quantized_input_only_save_bytes(
    residual_program: ResidualProgram, tmp_path: Path, bits: int
) -> None:
    program = without_grids(residual_program(bits))
    path = tmp_path / "model.onnx"
    found = outputs(program, path, pictures())
    np.testing.assert_allclose(found, simulated(program, pictures()), atol=1e-5)
    executed = kernels(path, tmp_path)
    assert executed["Conv"] == 4
    assert not {"Cast", "Mul", "DequantizeLinear"} & set(executed)


def without_grids(program: Program) -> Program:
    """Return the program with quantized weights and float activations."""
    nodes = [
        replace(node, inputs=tuple(name.removesuffix(".grid") for name in node.inputs))
        for node in program.graph.nodes
        if node.operator != "quantize"
    ]
    graph = Graph(program.graph.inputs, tuple(nodes), program.graph.outputs)
    return replace(program, graph=graph)


def test_a_convolution_whose_result_stays_float_is_not_dequantized_on_every_run(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    program = residual_program(8)
    nodes = [node for node in program.graph.nodes if node.name != "head.relu.grid"]
    nodes = [
        replace(node, inputs=("head.relu",)) if node.name == "mean" else node for node in nodes
    ]
    graph = Graph(("input",), tuple(nodes), ("fc",))
    path = tmp_path / "model.onnx"
    write_onnx(replace(program, graph=graph), path, metadata={})
    found = kernels(path, tmp_path)
    assert found["QLinearConv"] == 3
    # The one that is left feeds the float convolution.
    assert found["DequantizeLinear"] == 1


def test_a_relu_that_its_grid_does_not_contain_keeps_the_convolution_in_floats(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    program = residual_program(8)
    tensors = dict(program.tensors)
    tensors["block.relu.grid.zero_point"] = np.array(3, np.uint8)
    program = replace(program, tensors=tensors)
    path = tmp_path / "model.onnx"
    found = outputs(program, path, pictures())
    assert np.abs(found - simulated(program, pictures())).max() < 0.05
    assert kernels(path, tmp_path)["QLinearConv"] == 3


@pytest.mark.parametrize(("high", "integer"), [(6.0, 4), (4.5, 2)])
def test_a_clip_vanishes_where_its_grid_lies_inside(
    residual_program: ResidualProgram, tmp_path: Path, high: float, integer: int
) -> None:
    """The grids reach to 5, 4 and 5; the second convolution of the block has no clip."""
    program = residual_program(8)
    nodes = tuple(
        replace(node, operator="clip", attributes={"low": 0.0, "high": high})
        if node.operator == "relu"
        else node
        for node in program.graph.nodes
    )
    path = tmp_path / "model.onnx"
    graph = Graph(("input",), nodes, ("fc",))
    write_onnx(replace(program, graph=graph), path, metadata={})
    assert kernels(path, tmp_path)["QLinearConv"] == integer


def test_a_clip_whose_range_is_255_steps_vanishes_whatever_the_last_bit(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    """In float32, 255 steps of 6 / 255 are more than 6; a runtime would quantize such a layer's
    float weights by itself."""
    program = residual_program(8)
    scale = np.float32(6 / 255)
    assert 255 * float(scale) > 6
    tensors = {
        name: np.array(scale) if name.endswith("relu.grid.scale") else tensor
        for name, tensor in program.tensors.items()
    }
    nodes = tuple(
        replace(node, operator="clip", attributes={"low": 0.0, "high": 6.0})
        if node.operator == "relu"
        else node
        for node in program.graph.nodes
    )
    path = tmp_path / "model.onnx"
    graph = Graph(("input",), nodes, ("fc",))
    write_onnx(replace(program, graph=graph, tensors=tensors), path, metadata={})
    assert kernels(path, tmp_path)["QLinearConv"] == 4


@pytest.mark.parametrize("operator", ["add", "quantize"])
def test_an_activation_with_other_readers_keeps_the_convolution_in_floats(
    residual_program: ResidualProgram, tmp_path: Path, operator: str
) -> None:
    program = residual_program(8)
    roles = {role: f"block.conv2.grid.{role}" for role in ("scale", "zero_point")}
    extra = {
        "add": Node("extra", "add", ("head.relu",), {}, {"scalar": 1.0}),
        "quantize": Node("extra", "quantize", ("head.relu",), roles, {"bits": 8}),
    }
    graph = Graph(("input",), (*program.graph.nodes, extra[operator]), ("fc", "extra"))
    path = tmp_path / "model.onnx"
    write_onnx(replace(program, graph=graph), path, metadata={})
    assert kernels(path, tmp_path)["QLinearConv"] == 3


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("grid", [True, False])
def test_a_linear_layer_on_more_axes_keeps_its_codes(
    tmp_path: Path, bits: int, bias: bool, grid: bool
) -> None:
    rng = np.random.default_rng(0)
    largest = min(63, 2 ** (bits - 1) - 1)  # Without VNNI, larger codes saturate.
    tensors: dict[str, npt.NDArray[Any]] = {
        "weight": rng.integers(-largest, largest + 1, (32, 16)).astype(np.int8),
        "weight_scale": (rng.random(32) / largest).astype(np.float32),
        "bias": rng.standard_normal(32).astype(np.float32),
        "scale": np.array(8 / 255, np.float32),
        "zero_point": np.array(128, np.uint8),
    }
    grids = Node("grid", "quantize", ("x",), {k: k for k in ("scale", "zero_point")}, {"bits": 8})
    roles = [role for role in ("weight", "weight_scale", "bias") if bias or role != "bias"]
    layer = Node(
        "fc",
        "linear",
        ("grid" if grid else "x",),
        {role: role for role in roles},
        {"weight_bits": bits},
    )
    nodes = (grids, layer) if grid else (layer,)
    x = rng.standard_normal((2, 5, 16)).astype(np.float32)
    path = tmp_path / "model.onnx"
    found = outputs(Program(Graph(("x",), nodes, ("fc",)), tensors, ((5, 16),)), path, x)
    step = float(tensors["scale"]) if grid else 0.0
    rounded = np.rint(x / step) * step if grid else x
    weight = tensors["weight"] * tensors["weight_scale"][:, None]
    expected = rounded @ weight.T + (tensors["bias"] if bias else 0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not {"Cast", "Mul"} & set(kernels(path, tmp_path))
    assert ("MatMulIntegerToFloat" in kernels(path, tmp_path)) == grid


def test_a_bias_far_beyond_its_weights_is_kept(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    program = residual_program(8)
    tensors = dict(program.tensors)
    scale = tensors["fc.weight_scale"].copy()
    scale[3] = 1e-12
    tensors["fc.weight_scale"] = scale
    tensors["fc.bias"] = tensors["fc.bias"] + np.float32(5)
    program = replace(program, tensors=tensors)
    found = outputs(program, tmp_path / "model.onnx", pictures())
    np.testing.assert_allclose(found[:, 3], tensors["fc.bias"][3], atol=1e-3)


def test_new_numbers_are_written_over_the_old_file(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    first = write_onnx(residual_program(4, seed=0), path, metadata={})
    old = path.read_bytes()
    second = write_onnx(residual_program(4, seed=1), path, metadata={})
    assert first == second == path.stat().st_size
    assert path.read_bytes() != old
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fc.weight", np.zeros((10, 64), np.float32), "'fc' must be int8 codes, got float32"),
        ("fc.weight", np.full((10, 64), 100, np.int8), r"in -7\.\.7 \(4 bits\), got 100"),
        ("fc.weight_scale", np.ones(3, np.float32), "each of its 10 output channels"),
        ("input.grid.scale", np.array(0, np.float32), "'input.grid' must be positive, got 0"),
    ],
)
def test_numbers_that_are_not_what_they_should_be_are_named(
    residual_program: ResidualProgram, tmp_path: Path, name: str, value: Floats, message: str
) -> None:
    program = residual_program(4)
    wrong = replace(program, tensors={**program.tensors, name: value})
    with pytest.raises(CandidateError, match=message):
        write_onnx(wrong, tmp_path / "model.onnx", metadata={})


@pytest.mark.parametrize(
    ("operator", "attribute", "message"),
    [
        ("conv", {"weight_bits": 3}, "'weight_bits' of 'stem' must be 8, 4 or 2, got 3"),
        ("quantize", {"bits": 4}, "'input.grid' must have 8 bits, got 4"),
    ],
)
def test_bits_without_a_form_are_named(
    residual_program: ResidualProgram,
    tmp_path: Path,
    operator: str,
    attribute: dict[str, int],
    message: str,
) -> None:
    program = residual_program(8)
    nodes = tuple(
        replace(node, attributes={**node.attributes, **attribute})
        if node.operator == operator
        else node
        for node in program.graph.nodes
    )
    wrong = replace(program, graph=Graph(("input",), nodes, ("fc",)))
    with pytest.raises(CandidateError, match=message):
        write_onnx(wrong, tmp_path / "model.onnx", metadata={})
