"""LiteRT and TensorFlow Lite Micro on small files, and on files that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.spaces.nets import calibrated, everywhere, pictures
from tightfit import Kind
from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.artifact.litert import write_litert
from tightfit.objectives.artifact.litert.flatfile import format_classes
from tightfit.objectives.runtimes import Runtime, litert_micro, predict
from tightfit.objectives.runtimes.litert import LiteRt
from tightfit.objectives.runtimes.litert_micro import LiteRtMicro, arena_kb
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

pytest.importorskip("ai_edge_litert")
pytest.importorskip("tflite_micro")

SHAPE = (1, 12, 12)
RUNTIMES: tuple[Callable[[], Runtime], ...] = (LiteRt, LiteRtMicro)


def network(width: int = 8) -> Network:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, 4, 3)).eval()
    return network_of(model)


def network_of(model: nn.Module) -> Network:
    settings = SpaceSettings(quantization=QuantizationSettings(bits=(8,), integer_only=True))
    space = CompressionSpace(model, torch.zeros(1, *SHAPE), settings=settings)
    return calibrated(space.build(everywhere(space, "bits", 8)))


@pytest.fixture(scope="module")
def built() -> Network:
    return network()


@pytest.fixture
def file(built: Network, tmp_path: Path) -> Path:
    write_litert(built.program(), tmp_path / "model.tflite", metadata={})
    return tmp_path / "model.tflite"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_session_reads_and_gives_what_the_network_does(
    runtime: Callable[[], Runtime], built: Network, file: Path
) -> None:
    """Channels first and in real numbers, though the file has neither."""
    session, inputs = runtime().open(file), pictures(SHAPE, 5)
    assert session.input_shapes == (SHAPE,)
    found = predict(session, inputs.numpy(), batch_size=2)
    with torch.no_grad():
        wanted = built(inputs).numpy()
    assert found.shape == wanted.shape == (5, 4, 8, 8)
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_two_sessions_do_not_disturb_each_other(runtime: Callable[[], Runtime], file: Path) -> None:
    one, two = runtime().open(file), runtime().open(file)
    inputs = pictures(SHAPE, 2).numpy()
    wanted = one.run([inputs[:1]])[0]
    two.run([inputs[1:]])
    np.testing.assert_array_equal(one.run([inputs[:1]])[0], wanted)


def test_names_tell_version_and_threads() -> None:
    assert LiteRt(2).name.startswith("LiteRT ")
    assert LiteRt(2).name.endswith(", 2 threads")
    assert LiteRtMicro().name.startswith("TensorFlow Lite Micro ")


def test_no_threads_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 1 thread, got 0"):
        LiteRt(threads=0)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("length", [0, 3, 700])
def test_a_damaged_file_is_named(runtime: Callable[[], Runtime], length: int, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(MeasurementError, match=r"could not load .*model\.tflite"):
        runtime().open(file)


def with_operator(content: bytes, old: str, new: str, version: int) -> bytes:
    """Return a file with another operator in the place of one."""
    schema = format_classes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    (code,) = (
        each
        for each in model.operatorCodes
        if each.builtinCode == getattr(schema.BuiltinOperator, old)
    )
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, new), version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    builder = pytest.importorskip("flatbuffers").Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("runtime", "operator", "version"), [(LiteRt, "MEAN", 9), (LiteRtMicro, "REDUCE_PROD", 2)]
)
def test_an_operator_that_a_runtime_lacks_is_named_with_its_layer(
    runtime: Callable[[], Runtime], operator: str, version: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.AdaptiveAvgPool2d(1)).eval()
    path = tmp_path / "model.tflite"
    write_litert(network_of(model).program(), path, metadata={})
    path.write_bytes(with_operator(path.read_bytes(), "MEAN", operator, version))
    words = f"could not load .*: it lacks the operator '{operator}', which gives '1.adaptive_avg"
    with pytest.raises(MeasurementError, match=words):
        runtime().open(path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_foreign_file_is_refused(runtime: Callable[[], Runtime], tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    with pytest.raises(
        MeasurementError, match=r"could not load .*foreign\.tflite.*(identifier|valid Flatbuffer)"
    ):
        runtime().open(path)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_missing_file_is_named(runtime: Callable[[], Runtime], tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match=r"could not load .*gone\.tflite"):
        runtime().open(tmp_path / "gone.tflite")


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_pictures_of_another_size_are_refused(runtime: Callable[[], Runtime], file: Path) -> None:
    wrong = np.zeros((2, 1, 5, 5), dtype=np.float32)
    with pytest.raises(MeasurementError, match=r"takes pictures of \[1, 12, 12\], got \[2, 1, 5"):
        runtime().open(file).run([wrong])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_another_number_of_inputs_is_refused(runtime: Callable[[], Runtime], file: Path) -> None:
    picture = pictures(SHAPE, 1).numpy()
    with pytest.raises(MeasurementError, match=r"'model\.tflite' takes 1 inputs, got 2"):
        runtime().open(file).run([picture, picture])


def test_nothing_is_said_on_the_terminal(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    LiteRt().open(file)
    arena_kb(file)
    assert capfd.readouterr() == ("", "")


def test_the_arena_holds_the_activations_and_little_more(file: Path) -> None:
    """The fullest moment: 8 channels of 10x10 and 4 of 8x8, beside tables of the interpreter."""
    reading = arena_kb(file)
    assert reading.kind is Kind.MEASURED
    assert 1.056 < reading.value < 1.056 + 2


def test_a_wider_network_needs_a_larger_arena(file: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.tflite"
    write_litert(network(16).program(), wide, metadata={})
    assert arena_kb(wide).value > arena_kb(file).value + 0.7


def test_a_runtime_that_hangs_is_given_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert_micro, "LONGEST_S", 0.01)
    with pytest.raises(MeasurementError, match=r"hangs on .*model\.tflite.* no arena was found"):
        arena_kb(file)
