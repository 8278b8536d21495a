"""Calls of torch's operators that no rule is about are in a file what torch computes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from tightfit.calls import ITEM, Calls, Shape, Step
from tightfit.errors import SpecError
from tightfit.graph import Attribute, Graph, Node
from tightfit.objectives.artifact.rules import recorded as rule
from tightfit.objectives.artifact.writer import onnx_model, write_onnx
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.program import Program


def program(calls: Calls, *, more: tuple[Node, ...] = (), **tensors: Any) -> Program:
    """Return a program of one recorded node that reads its input, and of what follows it."""
    roles = {role: f"kept.{role}" for role in tensors}
    attributes: dict[str, Attribute] = {
        "calls": calls.text(),
        "macs": 0,
        "reason": "'it' has no rule",
    }
    nodes = (Node("kept", "aten", ("input",), roles, attributes), *more)
    arrays = {roles[role]: array for role, array in tensors.items()}
    return Program(Graph(("input",), nodes, (nodes[-1].name,)), arrays, (calls.reads[0][1:],))


def step(operator: str, *arguments: Any, **keywords: Any) -> Step:
    return Step(operator, arguments, keywords)


READ = {"input": 0}
SHAPE: Shape = (-1, 4, 6)
WAVES = Calls(
    (SHAPE,), (-1, 4, 4),
    (step("aten.fft_rfft.default", READ), step("aten.abs.default", {"step": 0})),
)  # fmt: skip
LARGEST = Calls(
    (SHAPE,), (-1, 4, 2),
    (step("aten.topk.default", READ, 2, -1), step(ITEM, {"step": 0}, 0)),
)  # fmt: skip
CHOSEN = Calls(
    (SHAPE,), (-1, 4, 6),
    (step("aten.gt.Scalar", READ, 0.0),
     step("aten.where.self", {"step": 0}, READ, {"parameter": "table"})),
)  # fmt: skip
ROWS = Calls(
    (SHAPE,), (-1, 4, 3),
    (step("aten.index.Tensor", READ, [None, None, {"parameter": "rows"}]),),
)  # fmt: skip
FILTERED = Calls(
    (SHAPE,), (-1, 4, 4),
    (step("aten.fft_rfft.default", READ),
     step("aten.mul.Tensor", {"step": 0}, {"parameter": "filter"}),
     step("aten.abs.default", {"step": 1})),
)  # fmt: skip
CUMULATED = Calls((SHAPE,), SHAPE, (step("aten.cumsum.default", READ, 1),))
LOW_BITS = Node(
    "layer", "linear", ("kept",), {"weight": "weight", "weight_scale": "scale"},
    {"weight_bits": 4},
)  # fmt: skip


def written(path: Path, made: Program, inputs: np.ndarray) -> np.ndarray:
    write_onnx(made, path, metadata={})
    onnx.checker.check_model(path, full_check=True)
    return predict(OnnxRuntime().open(path), inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("calls", "tensors"),
    [
        (WAVES, {}),
        (LARGEST, {}),
        (CHOSEN, {"table": np.full((4, 1), 0.5, np.float32)}),
        (ROWS, {"rows": np.array([5, 0, 2])}),
        (FILTERED, {"filter": np.array([1, 1j, 2, 1 - 1j], np.complex64)}),
    ],
)
def test_a_file_computes_what_torch_does(tmp_path: Path, calls: Calls, tensors: Any) -> None:
    pytest.importorskip("onnxscript")
    inputs = np.random.default_rng(0).standard_normal((5, 4, 6)).astype(np.float32)
    found = written(tmp_path / "m.onnx", program(calls, **tensors), inputs)
    given = {role: torch.from_numpy(array) for role, array in tensors.items()}
    expected = calls.run([torch.from_numpy(inputs)], given, named=rule.named)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_the_type_of_floats_is_that_of_the_first_ones_read() -> None:
    chosen = step("aten.logical_or.default", {"parameter": "mask"}, {"parameter": "table"})
    floats = step("aten.to.dtype", {"step": 0}, {"like": "dtype"})
    given = {"mask": torch.tensor([True, False]), "table": torch.zeros(2)}
    found = Calls((), (2,), (chosen, floats)).run([], given, named=rule.named)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.0]))


@pytest.mark.slow
@pytest.mark.parametrize("calls", [WAVES, LARGEST])
def test_a_translation_fits_the_version_of_its_file(tmp_path: Path, calls: Calls) -> None:
    pytest.importorskip("onnxscript")
    codes = np.random.default_rng(0).integers(-7, 8, (3, calls.gives[-1])).astype(np.int8)
    scale = np.full(3, 0.1, np.float32)
    alone = program(calls, more=(LOW_BITS,))
    made = Program(alone.graph, {"weight": codes, "scale": scale}, alone.input_shapes)
    assert onnx_model(made, metadata={}).opset_import[0].version == 21
    assert onnx_model(program(calls), metadata={}).opset_import[0].version == 18
    inputs = np.random.default_rng(0).standard_normal((5, 4, 6)).astype(np.float32)
    kept = calls.run([torch.from_numpy(inputs)], {}, named=rule.named).numpy()
    found = written(tmp_path / "m.onnx", made, inputs)
    np.testing.assert_allclose(found, kept @ (codes.T * 0.1), atol=1e-4)


@pytest.mark.slow
def test_nodes_of_the_same_calls_are_translated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    again = Node("again", "aten", ("kept",), {}, program(CUMULATED).graph.nodes[0].attributes)
    exports: list[object] = []
    export = torch.onnx.export

    def counted(*arguments: Any, **keywords: Any) -> Any:
        exports.append(arguments)
        return export(*arguments, **keywords)

    monkeypatch.setattr(torch.onnx, "export", counted)
    model = onnx_model(program(CUMULATED, more=(again,)), metadata={})
    assert [node.op_type for node in model.graph.node] == ["CumSum", "CumSum"]
    assert len(model.graph.initializer) == 1
    assert len(exports) == 1


@pytest.mark.slow
def test_floats_that_two_nodes_read_stand_in_the_file_once() -> None:
    pytest.importorskip("onnxscript")
    table = np.full((4, 1), 0.5, np.float32)
    (first,) = program(CHOSEN, table=table).graph.nodes
    again = Node("again", "aten", ("kept",), first.parameters, first.attributes)
    model = onnx_model(program(CHOSEN, more=(again,), table=table), metadata={})
    assert [list(each.dims) for each in model.graph.initializer].count([4, 1]) == 1


@pytest.mark.slow
def test_what_torch_cannot_translate_is_refused_by_name() -> None:
    pytest.importorskip("onnxscript")
    calls = Calls(((-1, 4, 4),), (-1, 4, 4), (step("aten.matrix_exp.default", READ),))
    words = (
        r"'it' has no rule; torch\.onnx cannot translate it either: it knows no "
        r"'aten\.\w*matrix_exp\w*'; compute it by other operators, or outside of the model$"
    )
    with pytest.raises(SpecError, match=words):
        onnx_model(program(calls), metadata={})


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"divisor_override": 3}])
def test_what_torch_translates_wrongly_is_refused_by_name(options: dict[str, int]) -> None:
    """The translation of an average pooling loses its divisor."""
    pytest.importorskip("onnxscript")
    pooled = step("aten.avg_pool2d.default", READ, [2, 2], **options)
    calls = Calls(((-1, 4, 6, 6),), (-1, 4, 3, 3), (pooled,))
    if options:
        with pytest.raises(
            SpecError, match=r"'it' has no rule; torch\.onnx .* off by 25\.0% of th"
        ):
            onnx_model(program(calls), metadata={})
    else:
        assert len(onnx_model(program(calls), metadata={}).graph.node) == 1


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    calls = Calls((SHAPE,), SHAPE, (step("aten.cumsum.default", READ, 2),))
    with pytest.raises(SpecError, match=r"'onnxscript' is not .* 'tightfit\[operators\]'"):
        onnx_model(program(calls), metadata={})
