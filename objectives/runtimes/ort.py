"""onnxruntime on the CPU."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.meter.agent import explain, session_options
from tightfit.objectives.runtimes.layers import place_of
from tightfit.objectives.runtimes.protocol import Float32Array

_FOREIGN = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoModel,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    ValueError,
)

_LACKING = re.compile(
    r"Fatal error: (?:[\w.]+:)?(\w+)\(-?\d+\) is not a registered"
    r"|No Op registered for (\w+)"
    r"|Could not find an implementation for (\w+)\("
)


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """Sessions with a stated number of threads that sleep between runs.

    Their options are those that the agent measures with.

    Raises:
        SpecError: Less than one thread.
    """

    threads: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SpecError(f"a runtime needs at least 1 thread, got {self.threads}")

    @property
    def name(self) -> str:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        plural = "" if self.threads == 1 else "s"
        return f"onnxruntime {onnxruntime.__version__}, {self.threads} thread{plural}"

    def open(self, path: Path) -> OrtSession:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        with translated(path, "load"):
            session = onnxruntime.InferenceSession(
                str(path), session_options(self.threads), providers=["CPUExecutionProvider"]
            )
        return OrtSession(path, session)


class OrtSession:
    """See :class:`tightfit.objectives.runtimes.protocol.Session`."""

    def __init__(self, path: Path, session: onnxruntime.InferenceSession) -> None:
        self._path = path
        self._session = session
        self._inputs = [entry.name for entry in session.get_inputs()]

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input for one picture, without the batch axis."""
        return tuple(tuple(entry.shape[1:]) for entry in self._session.get_inputs())

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch."""
        if len(inputs) != len(self._inputs):
            raise MeasurementError(
                f"{self._path.name!r} takes {len(self._inputs)} inputs, got {len(inputs)}"
            )
        with translated(self._path, "run"):
            outputs: list[Float32Array] = self._session.run(
                None, dict(zip(self._inputs, inputs, strict=True))
            )
        return outputs


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, with the file and, where it is told, the layer.

    Raises:
        MeasurementError: In place of what was raised within.
    """
    try:
        yield
    except _FOREIGN as error:
        lacking = _LACKING.search(str(error))
        reason = explain(error)
        if lacking:
            operator = next(filter(None, lacking.groups()))
            place = place_of(operator, path)
            reason = f": it lacks the operator {operator!r}, {place}; {reason.removeprefix(': ')}"
        raise MeasurementError(f"onnxruntime could not {doing} {str(path)!r}{reason}") from error
