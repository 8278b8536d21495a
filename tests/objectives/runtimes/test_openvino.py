"""OpenVINO on the files that onnxruntime reads, and on files that are none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.meter.agent import silence_openvino
from tightfit.objectives.runtimes import RUNTIMES, OnnxRuntime, predict
from tightfit.objectives.runtimes.openvino import OpenVino
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
silence_openvino()
pytest.importorskip("openvino")


def pictures(n: int, side: int = 28) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((n, 1, side, side), dtype=np.float32)


@pytest.fixture
def file(residual_program: ResidualProgram, tmp_path: Path) -> Path:
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})
    return tmp_path / "model.onnx"


@pytest.mark.parametrize(("bits", "tolerance"), [(None, 1e-5), (8, 0.02), (4, 0.02)])
def test_answers_are_onnxruntimes_up_to_single_steps_of_a_grid(
    bits: int | None, tolerance: float, residual_program: ResidualProgram, tmp_path: Path
) -> None:
    """Float numbers are the same; integer kernels round some products to the next code."""
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(bits), path, metadata={})
    wanted, found = (predict(each().open(path), pictures(200)) for each in (OnnxRuntime, OpenVino))
    assert abs(found - wanted).max() <= tolerance * abs(wanted).max()
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.98


def test_its_telemetry_is_never_loaded() -> None:
    assert sys.modules["openvino_telemetry"] is None


def test_every_known_runtime_but_this_and_onnxruntime_reads_files_of_its_own() -> None:
    assert {name for name, each in RUNTIMES.items() if each.suffix == ".onnx"} == {
        "onnxruntime",
        "openvino",
    }


def test_the_name_tells_version_and_threads() -> None:
    assert OpenVino(2).name.startswith("openvino 20")
    assert OpenVino(2).name.endswith(", 2 threads")


def test_two_sessions_do_not_disturb_each_other(file: Path) -> None:
    one, two = OpenVino().open(file), OpenVino().open(file)
    wanted = one.run([pictures(1)])[0]
    two.run([-pictures(3)])
    np.testing.assert_array_equal(one.run([pictures(1)])[0], wanted)
    assert one.input_shapes == ((1, 28, 28),)


def test_weights_of_two_bits_are_refused_by_the_file(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(2), path, metadata={})
    with pytest.raises(MeasurementError, match=r"openvino could not load .*Unsupported type"):
        OpenVino().open(path)


def test_an_operator_that_it_lacks_is_named_with_its_layer(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["x"], ["y"], name="stem"),
            helper.make_node("Det", ["y"], ["z"]),
        ],
        "test",
        [value("x", TensorProto.FLOAT, ["N", 4, 4])],
        [value("z", TensorProto.FLOAT, ["N"])],
    )
    path = tmp_path / "model.onnx"
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    with pytest.raises(MeasurementError, match=r"lacks the operator 'Det', behind 'stem'"):
        OpenVino().open(path)


def test_pictures_of_another_size_are_refused(file: Path) -> None:
    with pytest.raises(MeasurementError, match=r"takes pictures of \[1, 28, 28\], got \[2, 1, 5"):
        OpenVino().open(file).run([pictures(2, side=5)])


@pytest.mark.parametrize("content", [b"", b"not a network at all"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    with pytest.raises(MeasurementError, match=r"could not load .*damaged\.onnx"):
        OpenVino().open(path)


def test_no_threads_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 1 thread, got 0"):
        OpenVino(threads=0)
