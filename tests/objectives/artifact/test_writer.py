"""The file as a whole: names, versions, outputs, and what happens when it cannot be written."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from tightfit.errors import CandidateError, SpecError
from tightfit.graph import Attribute, Graph, Node
from tightfit.objectives.artifact import writer as writer_module
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.writer import onnx_model, write_onnx
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.program import Program

ResidualProgram = Callable[..., Program]


def program(
    nodes: tuple[Node, ...],
    *,
    inputs: tuple[str, ...] = ("input",),
    outputs: tuple[str, ...],
    shape: tuple[int, ...] = (4, 6, 6),
) -> Program:
    return Program(Graph(inputs, nodes, outputs), {}, (shape,) * len(inputs))


def node(operator: str, **attributes: Attribute) -> Node:
    return Node("node", operator, ("input",), {}, attributes)


def picture(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("bits", "opset", "ir"), [(None, 18, 8), (8, 18, 8), (4, 21, 10)])
def test_the_opset_is_the_lowest_that_the_bits_need(
    residual_program: ResidualProgram, bits: int | None, opset: int, ir: int
) -> None:
    model = onnx_model(residual_program(bits), metadata={})
    assert (model.opset_import[0].version, model.ir_version) == (opset, ir)


def test_gelu_needs_the_opset_that_has_it() -> None:
    model = onnx_model(program((node("gelu"),), outputs=("node",)), metadata={})
    assert (model.opset_import[0].version, model.ir_version) == (20, 9)


def test_layers_bear_their_path_and_nothing_else_costs_bytes_for_names(
    residual_program: ResidualProgram,
) -> None:
    model = onnx_model(residual_program(4), metadata={})
    named = [node.name for node in model.graph.node if node.name]
    assert named == ["stem", "block.conv1", "block.conv2", "head", "fc"]
    assert max(len(tensor.name) for tensor in model.graph.initializer) <= 3


def test_the_batch_axis_is_free(residual_program: ResidualProgram, tmp_path: Path) -> None:
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})
    session = OnnxRuntime().open(tmp_path / "model.onnx")
    for n in (1, 5):
        (found,) = session.run([picture(n, 1, 28, 28)])
        assert found.shape == (n, 10)


def test_several_outputs_keep_their_names_and_order(tmp_path: Path) -> None:
    nodes = (
        Node("low", "relu", ("input",)),
        Node("high", "add", ("low",), {}, {"scalar": 1.0}),
    )
    path = tmp_path / "model.onnx"
    write_onnx(program(nodes, outputs=("high", "low")), path, metadata={})
    assert [entry.name for entry in onnx.load(path).graph.output] == ["high", "low"]
    x = picture(2, 4, 6, 6)
    high, low = OnnxRuntime().open(path).run([x])
    np.testing.assert_allclose(high, low + 1)
    np.testing.assert_allclose(low, np.maximum(x, 0))


def test_an_output_that_is_the_input_is_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(program((node("dropout", rate=0.5),), outputs=("node",)), path, metadata={})
    x = picture(2, 4, 6, 6)
    np.testing.assert_array_equal(OnnxRuntime().open(path).run([x])[0], x)


def test_a_quantized_output_is_given_as_floats(tmp_path: Path) -> None:
    grid = Node("node", "quantize", ("input",), {"scale": "s", "zero_point": "z"}, {"bits": 8})
    tensors: dict[str, npt.NDArray[Any]] = {
        "s": np.array(0.05, np.float32),
        "z": np.array(128, np.uint8),
    }
    path = tmp_path / "model.onnx"
    write_onnx(Program(Graph(("input",), (grid,), ("node",)), tensors, ((4,),)), path, metadata={})
    x = picture(2, 4)
    (found,) = OnnxRuntime().open(path).run([x])
    assert np.abs(found - x).max() <= 0.0251


def test_inputs_named_like_the_files_own_values_do_not_clash(tmp_path: Path) -> None:
    nodes = (Node("first", "relu", ("x0",)), Node("c0", "add", ("first",), {}, {"scalar": 1.0}))
    wanted = program(nodes, inputs=("x0",), outputs=("c0", "first"))
    path = tmp_path / "model.onnx"
    write_onnx(wanted, path, metadata={})
    onnx.checker.check_model(str(path), full_check=True)
    x = picture(1, 4, 6, 6)
    np.testing.assert_allclose(OnnxRuntime().open(path).run([x])[0], np.maximum(x, 0) + 1)


def test_the_written_bytes_are_returned(residual_program: ResidualProgram, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert write_onnx(residual_program(8), path, metadata={"a": "b"}) == path.stat().st_size


def test_the_same_program_gives_the_same_bytes(residual_program: ResidualProgram) -> None:
    metadata = {"b": "2", "a": "1"}
    first = onnx_model(residual_program(4), metadata=metadata)
    second = onnx_model(residual_program(4), metadata=dict(sorted(metadata.items())))
    assert first.SerializeToString() == second.SerializeToString()


@pytest.mark.parametrize("bits", [None, 8, 4])
def test_a_file_is_its_model(residual_program: ResidualProgram, tmp_path: Path, bits: int) -> None:
    path, metadata = tmp_path / "model.onnx", {"labels": "a b"}
    write_onnx(residual_program(bits), path, metadata=metadata)
    model = onnx_model(residual_program(bits), metadata=metadata)
    assert path.read_bytes() == model.SerializeToString()


def test_writing_a_file_takes_no_memory_for_its_numbers(tmp_path: Path) -> None:
    weight = np.zeros((2048, 2048), dtype=np.float32)
    layer = Node("node", "linear", ("input",), {"weight": "weight"}, {})
    large = Program(Graph(("input",), (layer,), ("node",)), {"weight": weight}, ((2048,),))
    tracemalloc.start()
    try:
        written = write_onnx(large, tmp_path / "model.onnx", metadata={})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert weight.nbytes < written < 1.01 * weight.nbytes
    assert peak < 0.01 * weight.nbytes


def test_a_file_beyond_the_formats_limit_is_refused(
    residual_program: ResidualProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "LARGEST_FILE", 1000)
    with pytest.raises(CandidateError, match="must stay below 2 GB"):
        write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (node("fold"), "'node' has the unknown operator 'fold'"),
        (node("softmax", axis="one"), "'axis' of 'node' .* must be a whole number, got 'one'"),
        (node("leaky_relu", slope="x"), "'slope' of 'node' .* must be a number, got 'x'"),
        (node("max_pool", kernel=(3,)), "'kernel' of 'node' .* must be a number or a pair"),
        (node("max_pool"), "'node' .max_pool. needs the attribute 'kernel'"),
        (node("permute", axes="ab"), "'axes' of 'node' .* must be whole numbers, got 'ab'"),
        (node("upsample", mode="cubic", scale=(2.0, 2.0)), "must be 'nearest' or 'bilinear'"),
        (node("reshape", shape=(0, 0, 4)), "may hold the batch size once"),
        (node("reshape", shape=(-1, 4)), "must have the batch as an axis of its own"),
        (node("reshape", shape=(0, 5)), r"\(reshape\) must hold \d+ numbers"),
        (node("add"), "needs the attribute 'scalar'"),
        (node("batch_norm"), "'node' .batch_norm. needs the parameter 'running_mean'"),
        (Node("node", "add", ("input",) * 3), "takes one or two inputs, got 3"),
    ],
)
def test_a_node_that_cannot_be_written_is_named(wrong: Node, message: str) -> None:
    with pytest.raises(CandidateError, match=message):
        onnx_model(program((wrong,), outputs=("node",)), metadata={})


def test_operands_that_do_not_broadcast_are_named() -> None:
    nodes = (
        node("slice", axis=1, start=0, end=2),
        Node("sum", "add", ("node", "input")),
    )
    with pytest.raises(CandidateError, match=r"'sum' \(add\) must broadcast, got .*2.* and .*4"):
        onnx_model(program(nodes, outputs=("sum",)), metadata={})


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"'model.onnx' could not be written to the folder .*gone"):
        write_atomically(tmp_path / "gone" / "model.onnx", b"new")


def test_a_full_disk_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    write_atomically(path, b"old")

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpecError, match="No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    write_atomically(path, b"old")

    def interrupted(_handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_nodes_with_several_steps_are_not_those_of_later_nodes(tmp_path: Path) -> None:
    """To the base of 36, the steps of node 5 end as the names of some nodes further behind do."""
    steps = [Node("n0", "relu", ("input",), {}, {})]
    roles = {5: ("roll", {"axes": (2, 3), "shifts": (1, 2)}), 41: ("rsqrt", {})}
    for number in range(1, 42):
        operator, attributes = roles.get(number, ("relu", {}))
        steps.append(Node(f"n{number}", operator, (f"n{number - 1}",), {}, attributes))
    path = tmp_path / "model.onnx"
    write_onnx(program(tuple(steps), outputs=("n41",)), path, metadata={})
    (found,) = OnnxRuntime().open(path).run([np.abs(picture(2, 4, 6, 6)) + 1])
    assert found.shape == (2, 4, 6, 6)
