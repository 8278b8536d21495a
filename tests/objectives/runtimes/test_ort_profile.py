from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper

from tightfit.errors import MeasurementError
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.instruction_view import Finding, findings
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.objectives.runtimes.instructions import Instruction, Instructions, Part, Tensor
from tightfit.objectives.runtimes.layers import place_of
from tightfit.objectives.runtimes.ort_profile import profile
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
LAYERS = ["stem", "block.conv1", "block.conv2", "head", "fc"]


@pytest.fixture
def programs(residual_program: ResidualProgram, tmp_path: Path) -> dict[int | None, Instructions]:
    """The same network with float weights, and with weights of 4 bits."""
    paths = {bits: tmp_path / f"{bits}.onnx" for bits in (None, 4)}
    for bits, path in paths.items():
        write_onnx(residual_program(bits), path, metadata={})
    return dict(zip(paths, profile(list(paths.values()), budget_s=0.05), strict=True))


def layers(program: Instructions) -> dict[str, Instruction]:
    return {each.layer: each for each in program.listing if each.part is Part.LAYER}


def save(path: Path, nodes: Sequence[NodeProto], *, sides: Sequence[int | str] = (8, 8)) -> Path:
    """Write a network of one input and one output, with a 3x3 kernel of 4-bit codes."""
    value = helper.make_tensor_value_info
    codes = np.arange(18, dtype=np.int8) % 7
    constants = [
        helper.make_tensor("codes", TensorProto.INT4, [2, 1, 3, 3], codes.tolist()),
        helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("weight", TensorProto.FLOAT, [2, 1, 3, 3], (codes / 10).tolist()),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [value("x", TensorProto.FLOAT, ["N", 1, *sides])],
        [value("y", TensorProto.FLOAT, None)],
        constants,
    )
    opset = [helper.make_opsetid("", 21), helper.make_opsetid("foreign", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def test_every_layer_is_found_under_its_name(programs: dict[int | None, Instructions]) -> None:
    for program in programs.values():
        assert list(layers(program)) == LAYERS
        assert all(each.microseconds > 0 for each in layers(program).values())


def test_kernels_and_bits_are_those_of_the_optimized_file(
    programs: dict[int | None, Instructions],
) -> None:
    floats, codes = layers(programs[None]), layers(programs[4])
    assert {floats[name].family for name in LAYERS[:4]} == {"Conv"}
    assert (floats["stem"].activation_bits, floats["stem"].weight_bits) == (32, 32)
    stem = codes["stem"]
    assert (stem.kernel, stem.fused) == ("QLinearConv", ("Relu",))
    assert (stem.activation_bits, stem.weight_bits, stem.stored_bits) == (8, 8, 4)
    assert codes["fc"].kernel == "QGemm"
    assert stem.outputs == (Tensor("uint8", (1, 14, 14, 32)),)
    assert stem.weights == Tensor("int8", (32, 1, 3, 3))
    assert floats["block.conv2"].fused == ("Add", "Relu")


def test_what_has_no_name_is_told_by_the_layer_before_it(
    programs: dict[int | None, Instructions],
) -> None:
    (pool,) = (each for each in programs[4].listing if "MaxPool" in each.kernel)
    assert (pool.layer, pool.part) == ("block.conv2", Part.BEHIND)
    first = programs[4].listing[0]
    assert (first.kernel, first.layer) == ("QuantizeLinear", "")
    orders = [each for each in programs[4].listing if each.kernel == "Transpose"]
    assert orders[0].inserted


def test_an_integer_file_computes_nothing_in_float(
    programs: dict[int | None, Instructions],
) -> None:
    kinds = {each.finding for each in findings(programs[4])}
    assert kinds == {Finding.REORDERED}
    (whole, *_) = findings(programs[None])
    assert whole.finding is Finding.FLOAT
    assert whole.share == pytest.approx(1.0)


def test_weights_that_are_dequantized_in_every_run_are_seen(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["codes", "scale"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["c"], name="stem"),
        helper.make_node("Softplus", ["c"], ["y"]),
    ]
    (program,) = profile([save(tmp_path / "model.onnx", nodes)], budget_s=0.01)
    found = {each.finding: each for each in findings(program)}
    assert found[Finding.DEQUANTIZED].layers == ("stem",)
    assert found[Finding.DEQUANTIZED].instructions[0].part is Part.WEIGHTS
    assert found[Finding.UNPACKED].layers == ("stem",)
    assert found[Finding.UNFUSED].layers == ("stem",)


def test_branches_and_loops_count_as_one_instruction(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Relu", ["c"], ["inner"])],
        "body",
        [],
        [value("inner", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["c"], name="stem"),
        helper.make_node("ReduceMax", ["c"], ["m"], keepdims=0),
        helper.make_node("Greater", ["m", "scale"], ["b"]),
        helper.make_node("If", ["b"], ["y"], name="choice", then_branch=body, else_branch=body),
    ]
    (program,) = profile([save(tmp_path / "model.onnx", nodes)], budget_s=0.01)
    assert "Relu" not in {each.kernel for each in program.listing}
    assert program.listing[-1].layer == "choice"


def test_a_size_that_is_left_open_is_named(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    path = save(tmp_path / "model.onnx", nodes, sides=("H", "W"))
    with pytest.raises(MeasurementError, match=r"input 'x' of .*model.onnx' leaves H, W open"):
        profile([path])


@pytest.mark.parametrize(
    ("domain", "name", "place"),
    [
        ("foreign", "", "operator 'Twist', behind 'stem'"),
        ("", "block.twist", "'Twist', at 'block.twist'"),
    ],
)
def test_an_operator_that_the_runtime_lacks_is_named_with_its_layer(
    tmp_path: Path, domain: str, name: str, place: str
) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["c"], name="stem"),
        helper.make_node("Twist", ["c"], ["y"], name=name, domain=domain),
    ]
    path = save(tmp_path / "model.onnx", nodes)
    with pytest.raises(MeasurementError, match=f"lacks the {'operator ' * (not domain)}.*{place}"):
        OnnxRuntime().open(path)


def test_an_operator_without_a_kernel_for_its_type_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["c"], to=TensorProto.BFLOAT16),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Cast", ["r"], ["y"], to=TensorProto.FLOAT),
    ]
    path = save(tmp_path / "model.onnx", nodes)
    with pytest.raises(MeasurementError, match=r"lacks the operator 'Relu', before"):
        profile([path])
    assert place_of("Max", path) == "which another operator is made of"
