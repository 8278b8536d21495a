from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.runtimes import OnnxRuntime, Session, predict
from tightfit.program import Program

ResidualProgram = Callable[..., Program]


@pytest.fixture
def session(residual_program: ResidualProgram, tmp_path: Path) -> Session:
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})
    return OnnxRuntime().open(tmp_path / "model.onnx")


def pictures(n: int, side: int = 28) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((n, 1, side, side), dtype=np.float32)


def test_batches_bound_the_memory_and_nothing_else(session: Session) -> None:
    whole = predict(session, pictures(7))
    np.testing.assert_allclose(predict(session, pictures(7), batch_size=3), whole, atol=1e-6)
    assert whole.shape == (7, 10)


def test_a_session_tells_the_shape_of_one_picture(session: Session) -> None:
    assert session.input_shapes == ((1, 28, 28),)


def test_threads_change_no_number(residual_program: ResidualProgram, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(None), path, metadata={})
    one, two = (predict(OnnxRuntime(threads).open(path), pictures(3)) for threads in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_the_name_tells_version_and_threads() -> None:
    assert OnnxRuntime().name.endswith(", 1 thread")
    assert OnnxRuntime(2).name.endswith(", 2 threads")


def test_no_threads_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 1 thread, got 0"):
        OnnxRuntime(threads=0)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"could not load .*gone\.onnx"):
        OnnxRuntime().open(tmp_path / "gone.onnx")


@pytest.mark.parametrize("content", [b"", b"not a network at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(MeasurementError, match=r"could not load .*damaged\.onnx"):
        OnnxRuntime().open(path)


def test_pictures_of_another_size_are_refused_with_the_files_name(session: Session) -> None:
    with pytest.raises(MeasurementError, match=r"could not run .*model\.onnx.*: .*index: 2 Got: 5"):
        predict(session, pictures(2, side=5))


def test_another_number_of_inputs_is_refused(session: Session) -> None:
    with pytest.raises(MeasurementError, match=r"'model\.onnx' takes 1 inputs, got 2"):
        session.run([pictures(1), pictures(1)])


def test_the_operator_that_fails_is_named(tmp_path: Path) -> None:
    """A reshape whose sizes only turn out at run time not to fit."""
    node = helper.make_node("Reshape", ["x", "shape"], ["y"], name="head.reshape")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "test",
        [value("x", TensorProto.FLOAT, ["N", 4])],
        [value("y", TensorProto.FLOAT, [5, "M"])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [5, -1])],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    session = OnnxRuntime().open(path)
    with pytest.raises(MeasurementError, match=r"model\.onnx' at Reshape 'head\.reshape'"):
        session.run([np.zeros((3, 4), np.float32)])


def test_no_pictures_are_refused(session: Session) -> None:
    with pytest.raises(MeasurementError, match="at least one picture"):
        predict(session, pictures(0))


def test_a_file_with_two_outputs_cannot_be_scored() -> None:
    class Two:
        input_shapes = ((1,),)

        def run(self, inputs: object) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
            assert inputs
            return [np.zeros(1, np.float32)] * 2

    with pytest.raises(MeasurementError, match="one output is needed to score a file, got 2"):
        predict(Two(), pictures(1))
