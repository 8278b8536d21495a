"""LiteRT on the CPU, for ``.tflite`` files of integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.extras import extra_module
from tightfit.objectives.runtimes.codes import CodedTensor
from tightfit.objectives.runtimes.inputs import check_inputs
from tightfit.objectives.runtimes.litert_layers import reason
from tightfit.objectives.runtimes.protocol import Float32Array
from tightfit.objectives.runtimes.quiet import heard

PACKAGE, EXTRA = "ai-edge-litert", "litert"


@dataclass(frozen=True, slots=True)
class LiteRt:
    """Sessions with a stated number of threads, with the kernels that LiteRT takes by itself.

    Raises:
        SpecError: Less than one thread, or the extra ``litert`` is not installed.
    """

    threads: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SpecError(f"a runtime needs at least 1 thread, got {self.threads}")
        _interpreters()

    @property
    def name(self) -> str:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        version = extra_module("ai_edge_litert", package=PACKAGE, extra=EXTRA).__version__
        plural = "" if self.threads == 1 else "s"
        return f"LiteRT {version}, {self.threads} thread{plural}"

    def open(self, path: Path) -> LiteRtSession:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        with _translated(path, "load"), heard():
            interpreter = _interpreters().Interpreter(
                model_path=str(path), num_threads=self.threads
            )
            interpreter.allocate_tensors()
        return LiteRtSession(path, interpreter)


class LiteRtSession:
    """See :class:`tightfit.objectives.runtimes.protocol.Session`.

    A file is of one picture; a batch is run one by one.

    Raises:
        MeasurementError: The file reads or gives floats.
    """

    def __init__(self, path: Path, interpreter: Any) -> None:
        self._path = path
        self._interpreter = interpreter
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._inputs = [(entry["index"], _coded(path, entry)) for entry in inputs]
        self._outputs = [(entry["index"], _coded(path, entry)) for entry in outputs]

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input for one picture, without the batch axis, channels first."""
        return tuple(tensor.picture_shape for _, tensor in self._inputs)

    @property
    def tensor_bytes(self) -> list[int]:
        """Of every tensor, numbers of layers among them."""
        details = self._interpreter.get_tensor_details()
        return [int(np.prod(each["shape"])) * np.dtype(each["dtype"]).itemsize for each in details]

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch."""
        check_inputs(self._path, self.input_shapes, inputs)
        with _translated(self._path, "run"):
            found = [
                self._one([each[number : number + 1] for each in inputs])
                for number in range(len(inputs[0]))
            ]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _one(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        for (index, tensor), picture in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(index, tensor.encode(picture))
        self._interpreter.invoke()
        return [
            tensor.decode(self._interpreter.get_tensor(index)) for index, tensor in self._outputs
        ]


def _coded(path: Path, entry: Mapping[str, Any]) -> CodedTensor:
    if entry["dtype"] is not np.int8:
        kind = np.dtype(entry["dtype"]).name
        raise MeasurementError(
            f"{path.name!r} must read and give signed codes of 8 bits, {entry['name']!r} is {kind}"
        )
    scale, zero_point = entry["quantization"]
    return CodedTensor(tuple(entry["shape"].tolist()), float(scale), int(zero_point))


def _interpreters() -> ModuleType:
    return extra_module("ai_edge_litert.interpreter", package=PACKAGE, extra=EXTRA)


@contextmanager
def _translated(path: Path, doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, with the file."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        why = reason(str(error), path)
        raise MeasurementError(f"LiteRT could not {doing} {str(path)!r}: {why}") from error
