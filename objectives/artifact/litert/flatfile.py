"""The tables of a ``.tflite`` file: tensors, numbers and operators, and their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tightfit.objectives.artifact.litert.arena import PLAN, memory_plan
from tightfit.objectives.artifact.litert.kinds import KINDS
from tightfit.objectives.artifact.packing import pack
from tightfit.objectives.extras import extra_module

EXTRA = "litert"
FORMAT_VERSION = 3
IDENTIFIER = b"TFL3"
ALIGNMENT = 16
"""Of numbers in a file: kernels read them where they lie."""

Option: TypeAlias = bool | int | float | str | Sequence[int]

_TYPES = {np.dtype(np.int8): "INT8", np.dtype(np.int32): "INT32"}


@dataclass(frozen=True, slots=True)
class Grid:
    """The levels of quantized values: real = scale * (code - zero_point), codes -128..127."""

    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class ChannelScales:
    """Levels of weights or of a bias: one scale for each channel, no zero points.

    Attributes:
        scales: ``[channels]``.
        axis: The channels' axis.
    """

    scales: npt.NDArray[np.float32]
    axis: int


class FlatFile:
    """Collects the parts of one file; tensors are known by their numbers."""

    def __init__(self) -> None:
        self._schema = format_classes()
        self._model = self._schema.ModelT()
        self._model.version = FORMAT_VERSION
        self._model.description = "tightfit"
        # The format's first buffer is empty, and stands for tensors that are computed.
        self._model.buffers = [self._schema.BufferT()]
        self._model.operatorCodes, self._model.metadata = [], []
        self._graph = self._schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]
        self._codes: dict[str, int] = {}
        self._zeros: dict[bytes, int] = {}
        """Places of zero points in the file, while it is written."""
        self._shared: dict[tuple[str, tuple[int, ...], bytes, Grid | None], int] = {}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The operators in use, in the order of their first use."""
        return tuple(self._codes)

    def activation(self, name: str, shape: Sequence[int], grid: Grid) -> int:
        """Add a tensor that is computed, or given."""
        return self._tensor(shape, "INT8", grid=grid, buffer=0, name=name)

    def constant(
        self,
        array: npt.NDArray[np.int8] | npt.NDArray[np.int32],
        grid: ChannelScales | None = None,
        *,
        bits: int = 8,
    ) -> int:
        """Add numbers of a layer's own; int8 codes of 4 bits are packed, two in a byte."""
        data = pack(np.ascontiguousarray(array), 4) if bits == 4 else array.tobytes()
        kind = "INT4" if bits == 4 else _TYPES[array.dtype]
        return self._tensor(array.shape, kind, grid=grid, buffer=self._buffer(data))

    def shared(self, array: npt.NDArray[Any], grid: Grid | None = None) -> int:
        """Add numbers that all who need the same ones share."""
        key = (array.dtype.str, array.shape, array.tobytes(), grid)
        if key not in self._shared:
            buffer = self._buffer(array.tobytes())
            self._shared[key] = self._tensor(
                array.shape, _TYPES[array.dtype], grid=grid, buffer=buffer
            )
        return self._shared[key]

    def operator(
        self, kind: str, inputs: Sequence[int], *, output: int, options: Mapping[str, Option]
    ) -> None:
        """Add an operator with one output.

        A word among the options is one of the values that the format has for it, as
        ``Padding.SAME``.
        """
        schema, table = self._schema, KINDS[kind].options
        entry = schema.OperatorT()
        entry.opcodeIndex = self._code(kind)
        entry.inputs = np.array(inputs, dtype=np.int32)
        entry.outputs = np.array([output], dtype=np.int32)
        if table is not None:
            entry.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            entry.builtinOptions = getattr(schema, f"{table}T")()
            for name, value in options.items():
                setattr(entry.builtinOptions, name, _option(schema, value))
        self._graph.operators.append(entry)

    def content(
        self, inputs: Sequence[int], outputs: Sequence[int], *, metadata: Mapping[str, str]
    ) -> bytes:
        """Return the file's bytes, with a plan of its memory."""
        self._graph.inputs = np.array(inputs, dtype=np.int32)
        self._graph.outputs = np.array(outputs, dtype=np.int32)
        given = {PLAN: self._memory_plan()}
        given |= {name: text.encode() for name, text in metadata.items()}
        for name in sorted(given):
            entry = self._schema.MetadataT()
            entry.name, entry.buffer = name, self._buffer(given[name])
            self._model.metadata.append(entry)
        flatbuffers = extra_module("flatbuffers", package="flatbuffers", extra=EXTRA)
        builder = flatbuffers.Builder(1024)
        self._zeros.clear()
        builder.Finish(self._model.Pack(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())

    def _memory_plan(self) -> bytes:
        kinds = [self.kinds[operator.opcodeIndex] for operator in self._graph.operators]
        return memory_plan(self._graph, kinds, self._schema.TensorType.INT4)

    def _code(self, kind: str) -> int:
        if kind not in self._codes:
            number = getattr(self._schema.BuiltinOperator, kind)
            entry = self._schema.OperatorCodeT()
            # Readers from before the wider field take the narrow one.
            entry.deprecatedBuiltinCode = min(number, 127)
            entry.builtinCode, entry.version = number, KINDS[kind].version
            self._codes[kind] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(entry)
        return self._codes[kind]

    def _buffer(self, data: bytes) -> int:
        self._model.buffers.append(_AlignedBuffer(data))
        return len(self._model.buffers) - 1

    def _tensor(
        self,
        shape: Sequence[int],
        kind: str,
        *,
        grid: Grid | ChannelScales | None,
        buffer: int,
        name: str = "",
    ) -> int:
        tensor = self._schema.TensorT()
        tensor.shape = np.array(shape, dtype=np.int32)
        tensor.type = getattr(self._schema.TensorType, kind)
        tensor.buffer, tensor.name = buffer, name
        if grid is not None:
            tensor.quantization = _Quantization(grid, self._zeros)
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


class _Quantization:
    """Scales and zero points of one tensor.

    Every channel must have a zero point of 8 bytes, which are all zero for weights: tensors of as
    many channels share them.
    """

    def __init__(self, grid: Grid | ChannelScales, shared: dict[bytes, int]) -> None:
        if isinstance(grid, Grid):
            self._scales = np.array([grid.scale], dtype=np.float32)
            self._zeros = np.array([grid.zero_point], dtype=np.int64)
            self._axis = 0
        else:
            self._scales, self._axis = grid.scales, grid.axis
            self._zeros = np.zeros(len(grid.scales), dtype=np.int64)
        self._shared = shared

    def Pack(self, builder: Any) -> int:  # noqa: N802
        """Write the table, as the generated classes do."""
        schema, key = format_classes(), self._zeros.tobytes()
        if key not in self._shared:
            self._shared[key] = builder.CreateNumpyVector(self._zeros)
        scales = builder.CreateNumpyVector(self._scales)
        schema.QuantizationParametersStart(builder)
        schema.QuantizationParametersAddScale(builder, scales)
        schema.QuantizationParametersAddZeroPoint(builder, self._shared[key])
        schema.QuantizationParametersAddQuantizedDimension(builder, self._axis)
        return int(schema.QuantizationParametersEnd(builder))


class _AlignedBuffer:
    """Numbers where kernels can read them; the format's generated class leaves them anywhere."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802
        """Write the table of one buffer, as the generated classes do."""
        size = len(self._data)
        builder.StartVector(1, size, ALIGNMENT)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self._data
        vector = builder.EndVector()
        schema = format_classes()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))


def format_classes() -> ModuleType:
    """Return the format's own classes, which come with the runtime.

    Raises:
        SpecError: The extra is not installed.
    """
    name = "ai_edge_litert.schema_py_generated"
    return extra_module(name, package="ai-edge-litert", extra=EXTRA)


def _option(schema: ModuleType, value: Option) -> Any:
    if isinstance(value, str):
        table, _, word = value.partition(".")
        return getattr(getattr(schema, table), word)
    return value
