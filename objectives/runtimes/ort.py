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
from tightfit.objectives.runtimes.layers import place_of
from tightfit.objectives.runtimes.protocol import Float32Array

FATAL_ONLY = 4
LONGEST_REASON = 300

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

_OPERATOR = re.compile(r"running (\w+) node\. Name:'([^']*)'")
_LACKING = re.compile(
    r"Fatal error: (?:[\w.]+:)?(\w+)\(-?\d+\) is not a registered"
    r"|No Op registered for (\w+)"
    r"|Could not find an implementation for (\w+)\("
)


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """Sessions with a stated number of threads that sleep between runs.

    A pool that spins would take the core from whatever is measured beside it. With one thread there
    is no pool at all, which is what repeats best from measurement to measurement.

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


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return how every session of ours runs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # What fails is raised; the library's own log would tear the progress bar.
    options.log_severity_level = FATAL_ONLY
    return options


@contextmanager
def translated(path: Path, doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, with the file and, where it is told, the layer.

    Raises:
        MeasurementError: In place of what was raised within.
    """
    try:
        yield
    except _FOREIGN as error:
        found, lacking = _OPERATOR.search(str(error)), _LACKING.search(str(error))
        layer = f" at {found[1]} {found[2]!r}" if found else ""
        reason = " ".join(str(error).split())[:LONGEST_REASON]
        if lacking:
            operator = next(filter(None, lacking.groups()))
            reason = f"it lacks the operator {operator!r}, {place_of(operator, path)}; {reason}"
        raise MeasurementError(
            f"onnxruntime could not {doing} {str(path)!r}{layer}: {reason}"
        ) from error
