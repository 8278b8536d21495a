"""TensorFlow Lite Micro: the runtime of microcontrollers, with its reference kernels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tightfit.errors import MeasurementError, SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.extras import extra_module
from tightfit.objectives.runtimes.codes import CodedTensor
from tightfit.objectives.runtimes.inputs import check_inputs
from tightfit.objectives.runtimes.litert import EXTRA, LiteRt
from tightfit.objectives.runtimes.litert_layers import reason
from tightfit.objectives.runtimes.protocol import Float32Array
from tightfit.objectives.runtimes.quiet import heard, last_line
from tightfit.reading import Reading

PACKAGE = "tflite-micro"
ARENA_STEP = 16
"""Bytes: the alignment of everything in an arena."""

LONGEST_S = 600.0
"""For trying arenas, each of which takes as long as loading a file."""

_PROBE = str(Path(__file__).with_name("arena_probe.py"))


@dataclass(frozen=True, slots=True)
class LiteRtMicro:
    """Sessions of the interpreter of microcontrollers. Its kernels are those of reference, so the
    numbers are a device's, and the times are not.

    Raises:
        SpecError: More than one thread, or the extra ``litert`` is not installed.
    """

    threads: int = 1

    def __post_init__(self) -> None:
        if self.threads != 1:
            raise SpecError(f"TensorFlow Lite Micro has 1 thread, got {self.threads}")
        _runtime()

    @property
    def name(self) -> str:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        return f"TensorFlow Lite Micro {version('tflite_micro')}, 1 thread"

    def open(self, path: Path) -> LiteRtMicroSession:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        content, enough = _checked(path)
        return LiteRtMicroSession(path, _interpreter(path, content, enough))


class LiteRtMicroSession:
    """See :class:`tightfit.objectives.runtimes.protocol.Session`."""

    def __init__(self, path: Path, interpreter: Any) -> None:
        self._path = path
        self._interpreter = interpreter
        self._input = _coded(interpreter.get_input_details(0))
        self._output = _coded(interpreter.get_output_details(0))

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the input for one picture, without the batch axis, channels first."""
        return (self._input.picture_shape,)

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch, of which pictures are run one by one."""
        check_inputs(self._path, self.input_shapes, inputs)
        found = [self._one(inputs[0][number : number + 1]) for number in range(len(inputs[0]))]
        return [np.concatenate(found)]

    def _one(self, picture: Float32Array) -> Float32Array:
        with heard() as said:
            try:
                self._interpreter.set_input(self._input.encode(picture), 0)
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                raise _failure(self._path, "run", last_line(said) or str(error)) from error
        return self._output.decode(self._interpreter.get_output(0))


def arena_kb(path: Path) -> Reading:
    """Return the size of the smallest arena in which a file runs, found by bisection.

    It is that of this machine's build. Where pointers have 32 bits instead of 64, the interpreter's
    own tables are smaller; where a device has kernels of its own, they may ask for scratch memory.

    Raises:
        MeasurementError: The file is missing, damaged, or asks for what the runtime lacks.
        SpecError: The extra ``litert`` is not installed.
    """
    content, enough = _checked(path)
    _interpreter(path, content, enough)
    low, high = 0, enough // ARENA_STEP
    while high - low > 1:
        low, high = _narrowed(path, low, high)
    return Reading(high * ARENA_STEP / 1000, kind=Kind.MEASURED, stage=Stage.RUNTIME)


def _narrowed(path: Path, low: int, high: int) -> tuple[int, int]:
    """Try arenas in another process until one is found, or too small for the runtime to say so."""
    # -P: what lies beside the probe must not shadow what the runtime imports.
    command = [sys.executable, "-P", _PROBE, str(path), *map(str, (ARENA_STEP, low, high))]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONGEST_S
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(
            f"TensorFlow Lite Micro hangs on {str(path)!r}: no arena was found within "
            f"{LONGEST_S / 60:.3g} minutes; try again, or serve it with device.runtime = 'litert'"
        ) from error
    tried = [line.split() for line in done.stdout.splitlines()]
    if not tried:
        raise _failure(path, "try arenas for", done.stderr.strip() or f"exit {done.returncode}")
    fits = [int(number) for word, number in tried if word == "fits"]
    small = [int(number) for _, number in tried if int(number) not in fits]
    return max([low, *small]), min([high, *fits])


def _interpreter(path: Path, content: bytes, size: int) -> Any:
    with heard() as said:
        try:
            return _runtime().Interpreter.from_bytes(content, arena_size=size)
        except (ValueError, RuntimeError) as error:
            raise _failure(path, "load", last_line(said) or str(error)) from error


def _failure(path: Path, doing: str, said: str) -> MeasurementError:
    why = reason(said, path)
    return MeasurementError(f"TensorFlow Lite Micro could not {doing} {str(path)!r}: {why}")


def _checked(path: Path) -> tuple[bytes, int]:
    """Return a file's bytes, and an arena in which it runs if it runs at all.

    LiteRT has loaded it then: this runtime checks nothing, and would not survive a damaged file.
    """
    everything = LiteRt().open(path).tensor_bytes
    return path.read_bytes(), (
        4 * sum(everything) + 1024 * len(everything)
    ) // ARENA_STEP * ARENA_STEP


def _coded(details: dict[str, Any]) -> CodedTensor:
    quantization = details["quantization_parameters"]
    return CodedTensor(
        tuple(details["shape"].tolist()),
        float(quantization["scales"][0]),
        int(quantization["zero_points"][0]),
    )


def _runtime() -> ModuleType:
    return extra_module("tflite_micro.python.tflite_micro.runtime", package=PACKAGE, extra=EXTRA)
