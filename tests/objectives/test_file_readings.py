"""What the bytes of a file say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from tightfit import Kind, Program, Stage
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.file_readings import file_readings
from tightfit.objectives.profile import CPU, MICROCONTROLLER, DeviceProfile

ResidualProgram = Callable[..., Program]


def test_a_download_is_counted_on_the_file_and_unpacks_to_it(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    size = write_onnx(residual_program(None), path, metadata={})
    readings = file_readings(path, CPU)
    sent = zstandard.ZstdCompressor(level=9).compress(path.read_bytes())
    assert zstandard.ZstdDecompressor().decompress(sent) == path.read_bytes()
    assert readings["download_kb"].value == len(sent) / 1000
    assert readings["size_kb"].value == readings["flash_kb"].value == size / 1000
    assert {reading.stage for reading in readings.values()} == {Stage.RUNTIME}
    assert readings["download_kb"].kind is Kind.COUNTED
    assert readings["download_s"].kind is Kind.COMPUTED


def test_weights_that_are_mostly_zero_travel_in_fewer_bytes_than_they_lie_in(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    program, path = residual_program(8, width=64), tmp_path / "model.onnx"
    write_onnx(program, path, metadata={})
    dense = file_readings(path, CPU)
    sparse = {
        name: tensor * (abs(tensor) > 100) if tensor.dtype == "int8" else tensor
        for name, tensor in program.tensors.items()
    }
    write_onnx(replace(program, tensors=sparse), path, metadata={})
    readings = file_readings(path, CPU)
    assert readings["size_kb"] == dense["size_kb"]
    assert readings["download_kb"].value < 0.7 * dense["download_kb"].value


@pytest.mark.parametrize("profile", [CPU, MICROCONTROLLER, replace(CPU, link_kbps=56.0)])
def test_seconds_are_bits_over_the_profiles_link(
    residual_program: ResidualProgram, tmp_path: Path, profile: DeviceProfile
) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(4), path, metadata={})
    readings = file_readings(path, profile)
    bits = 8000 * readings["download_kb"].value
    assert readings["download_s"].value == pytest.approx(bits / (1000 * profile.link_kbps))
