"""The file of a network for each runtime: ONNX, or what a runtime reads in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

from torch import nn

from tightfit.objectives.artifact.executorch import write_executorch
from tightfit.objectives.artifact.litert import write_litert
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.program import Program


class Exportable(Protocol):
    """A network that has a file."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the input that it wants, without the batch axis."""
        ...

    def program(self) -> Program:
        """Return what its file says."""
        ...

    def deployed(self) -> nn.Module:
        """Return a module that computes what :meth:`program` says.

        Roundings are pairs of ``quantized_decomposed`` operators, and each operator is annotated
        with the ``layer`` that it belongs to.
        """
        ...


Writer: TypeAlias = Callable[[Exportable, Path, Mapping[str, str]], object]


def _onnx(network: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    write_onnx(network.program(), path, metadata=metadata)


def _litert(network: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    write_litert(network.program(), path, metadata=metadata)


def _executorch(network: Exportable, path: Path, metadata: Mapping[str, str]) -> None:
    write_executorch(network.deployed(), network.input_shape, path, metadata=metadata)


WRITERS: Mapping[str, Writer] = {".onnx": _onnx, ".tflite": _litert, ".pte": _executorch}
"""By the suffix that runtimes read."""


def write_file(network: Exportable, path: Path, *, metadata: Mapping[str, str]) -> None:
    """Write a network's file in the format that the path's suffix names.

    Args:
        network: To be written.
        path: Of the file; its folder exists.
        metadata: Kept in the file, where its format has a place for it.

    Raises:
        CandidateError: The format cannot express the network.
        SpecError: The folder cannot be written, or what writes the format is not installed.
    """
    WRITERS[path.suffix](network, path, metadata)
