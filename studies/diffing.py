"""Why a file is not faster than another: both as the runtime runs them, operator by operator."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightfit import SpecError
from tightfit.objectives.instruction_view import Found, InstructionView, side_by_side
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.meter.device import Device
from tightfit.objectives.runtimes.instructions import Instruction, Instructions, Tensor
from tightfit.objectives.runtimes.ort_profile import profile
from tightfit.objectives.workshop import MODEL_FILE

OVERHEAD = (
    "The times of single instructions come from the runtime's profiler, which adds a few "
    "microseconds to each: compare shares. The latencies were taken without it."
)


@dataclass(frozen=True, slots=True)
class Diff:
    """Two files side by side.

    Attributes:
        names: Of the files, for people.
        paths: Of the files.
        latencies: Of both, measured without the profiler in the same minute.
        ratio: The second one's latency over the first one's.
        ratio_stderr: One standard error.
        view: Their instructions.
    """

    names: tuple[str, str]
    paths: tuple[Path, Path]
    latencies: tuple[float, float]
    ratio: float
    ratio_stderr: float
    view: InstructionView

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        programs = zip(
            self.names,
            self.paths,
            self.latencies,
            (self.view.a, self.view.b),
            (self.view.found_in_a, self.view.found_in_b),
            strict=True,
        )
        return {
            "note": OVERHEAD,
            "latency_ratio": {"value": self.ratio, "stderr": self.ratio_stderr},
            "files": [
                {
                    "name": name,
                    "path": str(path),
                    "latency_ms": latency,
                    "runtime": program.runtime,
                    "profiled_runs": program.runs,
                    "profiled_us": program.microseconds,
                    "inputs": [_tensor(each) for each in program.inputs],
                    "findings": [_found(each) for each in found],
                }
                for name, path, latency, program, found in programs
            ],
            "rows": [
                {"a": _side(row.a, self.view.a), "b": _side(row.b, self.view.b)}
                for row in self.view.rows
            ],
        }


def diff_files(
    a: Path, b: Path, *, names: tuple[str, str] | None = None, budget_s: float = 2.0
) -> Diff:
    """Put two files side by side, on one thread.

    Args:
        a: An ONNX file, or a folder that an export wrote.
        b: The same.
        names: What people call them; their paths when not given.
        budget_s: Seconds of profiled runs of both.

    Raises:
        SpecError: There is no such file, or the two read different inputs.
        MeasurementError: A file is no ONNX file, or the runtime cannot run it.
    """
    first, second = _file(a), _file(b)
    programs = profile((first, second), budget_s=budget_s)
    view = side_by_side(*programs)
    device = Device()
    try:
        result = LatencyMeter(first, device).measure(second)
    finally:
        device.close()
    return Diff(
        names=names or (str(a), str(b)),
        paths=(first, second),
        latencies=(result.baseline_ms, result.latency_ms.value),
        ratio=result.ratio.median,
        ratio_stderr=result.ratio.stderr(result.latency_ms.repeats),
        view=view,
    )


def _file(path: Path) -> Path:
    if path.is_dir():
        if not (path / MODEL_FILE).is_file():
            raise SpecError(
                f"the folder {path} has no {MODEL_FILE}; name an ONNX file, or the export of a "
                "study that onnxruntime or openvino serves"
            )
        return path / MODEL_FILE
    if not path.is_file():
        raise SpecError(f"there is no file {path}; name an ONNX file, or an exported folder")
    return path


def _side(instruction: Instruction | None, program: Instructions) -> dict[str, Any] | None:
    if instruction is None:
        return None
    return {
        "kernel": instruction.kernel,
        "domain": instruction.domain,
        "fused": list(instruction.fused),
        "layer": instruction.layer,
        "part": instruction.part.value,
        "inserted": instruction.inserted,
        "inputs": [_tensor(each) for each in instruction.inputs],
        "constants": [_tensor(each) for each in instruction.constants],
        "outputs": [_tensor(each) for each in instruction.outputs],
        "activation_bits": instruction.activation_bits,
        "weight_bits": instruction.weight_bits,
        "stored_weight_bits": instruction.stored_bits,
        "bytes": instruction.bytes,
        "us": instruction.microseconds,
        "share": program.share(instruction),
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {"type": tensor.dtype, "shape": list(tensor.shape)}


def _found(found: Found) -> dict[str, Any]:
    return {
        "finding": found.finding.value,
        "instructions": len(found.instructions),
        "kernels": _unique(each.kernel for each in found.instructions),
        "layers": list(found.layers),
        "share": found.share,
    }


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
