"""ExecuTorch with XNNPACK: files of networks, and files that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.spaces.nets import calibrated, everywhere, pictures
from tightfit.errors import CandidateError, MeasurementError, SpecError
from tightfit.objectives.artifact.executorch import write_executorch
from tightfit.objectives.artifact.formats import write_file
from tightfit.objectives.runtimes import Float32Array, predict
from tightfit.objectives.runtimes.executorch import ExecuTorch
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

pytest.importorskip("executorch", reason="the extra 'executorch' is not installed")
pytestmark = pytest.mark.slow

SHAPE = (1, 12, 12)


def network(bits: int | None) -> Network:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU6(), nn.Conv2d(16, 8, 3, stride=2), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 10),
    ).eval()  # fmt: skip
    settings = SpaceSettings(quantization=QuantizationSettings(bits=(None, 8)))
    space = CompressionSpace(model, torch.zeros(1, *SHAPE), settings=settings)
    return calibrated(space.build(everywhere(space, "bits", bits)))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("executorch") / "model.pte"
    write_file(network(8), path, metadata={"candidate": "f00d"})
    return path


def answers(net: Network, path: Path) -> tuple[Float32Array, Float32Array]:
    inputs = pictures(SHAPE, 100)
    with torch.no_grad():
        return net(inputs).numpy(), predict(ExecuTorch().open(path), inputs.numpy(), batch_size=64)


def test_answers_of_floats_are_the_networks(tmp_path: Path) -> None:
    net, path = network(None), tmp_path / "model.pte"
    write_file(net, path, metadata={})
    wanted, found = answers(net, path)
    np.testing.assert_allclose(found, wanted, atol=1e-5 * abs(wanted).max())


def test_answers_of_integers_are_the_networks_up_to_a_step(file: Path) -> None:
    wanted, found = answers(network(8), file)
    assert abs(found - wanted).max() <= 0.02 * abs(wanted).max()
    assert (found.argmax(1) == wanted.argmax(1)).mean() >= 0.98


def test_weights_take_a_byte_each(file: Path) -> None:
    weights = 16 * 9 + 8 * 16 * 9 + 10 * 128
    floats = 4 * weights
    assert file.stat().st_size < floats + 5_000
    content = file.read_bytes()
    codes = network(8).program().tensors["2.weight"]
    assert codes.transpose(0, 2, 3, 1).tobytes() in content  # as XNNPACK lays them


def test_two_sessions_do_not_disturb_each_other(file: Path) -> None:
    one, two = ExecuTorch().open(file), ExecuTorch().open(file)
    inputs = pictures(SHAPE, 2).numpy()
    wanted = one.run([inputs[:1]])[0]
    two.run([inputs[1:]])
    np.testing.assert_array_equal(one.run([inputs[:1]])[0], wanted)
    assert one.input_shapes == (SHAPE,)


def test_other_threads_in_the_same_process_are_refused(file: Path) -> None:
    """To make its pool anew would hang it."""
    ExecuTorch(1).open(file)
    with pytest.raises(SpecError, match=r"has begun with 1 threads in this process, .* become 2"):
        ExecuTorch(2).open(file)
    assert ExecuTorch(2).name.startswith("executorch 1")


def test_an_operator_that_it_lacks_is_named_with_its_layer(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            with torch.fx.traceback.annotate({"layer": "stage2.odd"}):
                return torch.erfinv(inputs)

    words = r"executorch lacks the operator 'aten\.erfinv', at 'stage2\.odd'"
    with pytest.raises(CandidateError, match=words):
        write_executorch(Odd(), (4,), tmp_path / "model.pte", metadata={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [0, 3, 3000])
def test_a_damaged_file_is_named(file: Path, length: int, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pte"
    cut.write_bytes(file.read_bytes()[:length])
    with pytest.raises(MeasurementError, match=r"executorch could not load .*cut\.pte"):
        ExecuTorch().open(cut)


def test_pictures_of_another_size_are_refused(file: Path) -> None:
    wrong = np.zeros((2, 1, 5, 5), np.float32)
    with pytest.raises(MeasurementError, match=r"takes pictures of \[1, 12, 12\], got \[2, 1, 5"):
        ExecuTorch().open(file).run([wrong])


def test_no_threads_are_refused() -> None:
    with pytest.raises(SpecError, match="at least 1 thread, got 0"):
        ExecuTorch(threads=0)
