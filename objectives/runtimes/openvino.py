"""OpenVINO on the CPU, for the ONNX files that onnxruntime reads as well."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.extras import extra_module
from tightfit.objectives.meter.agent import openvino_options, silence_openvino
from tightfit.objectives.runtimes.inputs import check_inputs
from tightfit.objectives.runtimes.layers import place_of
from tightfit.objectives.runtimes.protocol import Float32Array

PACKAGE, EXTRA = "openvino", "openvino"

_LACKING = re.compile(r"No conversion rule found for operations: ([^\n]+)")
_WHERE = re.compile(r"^(Exception from .*|Check '.*' failed at .*|FrontEnd API failed .*):$", re.M)
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class OpenVino:
    """Sessions in float32 with a stated number of threads, as the agent measures them.

    Raises:
        SpecError: Less than one thread, or the extra ``openvino`` is not installed.
    """

    threads: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SpecError(f"a runtime needs at least 1 thread, got {self.threads}")
        _openvino()

    @property
    def name(self) -> str:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        plural = "" if self.threads == 1 else "s"
        return f"openvino {version(PACKAGE)}, {self.threads} thread{plural}"

    def open(self, path: Path) -> OpenVinoSession:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        with _translated(path, "load"):
            core = _openvino().Core()
            model = core.compile_model(core.read_model(path), "CPU", openvino_options(self.threads))
        return OpenVinoSession(path, model)


class OpenVinoSession:
    """See :class:`tightfit.objectives.runtimes.protocol.Session`."""

    def __init__(self, path: Path, model: Any) -> None:
        self._path = path
        self._request = model.create_infer_request()
        self._shapes = tuple(
            tuple(side.get_length() for side in list(entry.partial_shape)[1:])
            for entry in model.inputs
        )

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input for one picture, without the batch axis."""
        return self._shapes

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch."""
        check_inputs(self._path, self._shapes, inputs)
        with _translated(self._path, "run"):
            self._request.infer(list(inputs))
            return [tensor.data.copy() for tensor in self._request.output_tensors]


def _openvino() -> ModuleType:
    silence_openvino()
    return extra_module("openvino", package=PACKAGE, extra=EXTRA)


@contextmanager
def _translated(path: Path, doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, with the file and, where it is told, the layer."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise MeasurementError(
            f"openvino could not {doing} {str(path)!r}{_reason(str(error), path)}"
        ) from error


def _reason(said: str, path: Path) -> str:
    """Return why, in one line, without the places in the library's own source."""
    if found := _LACKING.search(said):
        names = [each.split("-")[0].rpartition(".")[2] for each in found[1].split(", ")]
        lacking = [f"{name!r}, {place_of(name, path)}" for name in dict.fromkeys(names)]
        return f": it lacks the operator {'; and '.join(lacking)}"
    return f": {' '.join(_WHERE.sub('', said).split())[:_LONGEST_REASON]}"
