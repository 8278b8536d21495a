"""What a rule writes a node with: operators on codes, and the tensors between them.

Pictures lie channels last, as the format's operators want them; values of other ranks lie as they
are. Every value is of signed codes: ours are unsigned, and 128 is taken from each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tightfit.errors import CandidateError
from tightfit.graph import Node
from tightfit.objectives.artifact.attributes import number
from tightfit.objectives.artifact.litert.flatfile import FlatFile, Grid, Option
from tightfit.objectives.artifact.shapes import BATCH, Shape, shapes
from tightfit.program import Program

OFFSET = 128
LOWEST_CODE, HIGHEST_CODE = -128, 127

FUSING = frozenset({"conv", "linear", "add"})
"""Operators that take an activation into themselves."""

_FUSED = {(0.0, np.inf): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
INTEGER_ONLY = "set integer_only = true in [space.quantization]"
NO_ACTIVATION = "ActivationFunctionType.NONE"
_HALF = 0.501
"""Of a step: the last level is then the nearest to the limit, and what is beyond both is there."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a node of the graph gives.

    Attributes:
        tensor: Its number in the file.
        grid: Of its codes.
        mixed: Of a picture that was flattened channels last, its shape (channels, height, width):
            the numbers are in another order than the graph says.
    """

    tensor: int
    grid: Grid
    mixed: Shape | None = None


class Emitter:
    """Adds a program's nodes to a file, in execution order."""

    def __init__(self, program: Program, file: FlatFile) -> None:
        self.program = program
        self.file = file
        self.values: dict[str, Value] = {}
        self.shapes = {name: _one(name, shape) for name, shape in shapes(program).items()}
        self._consumers = program.graph.consumers()

    def only_read_by(self, name: str, operator: str) -> bool:
        """Whether a value, rounded or not, is read by one kind of operator and nothing else."""
        if name in self.program.graph.outputs:
            return False
        return all(
            self.only_read_by(node.name, operator)
            if node.operator == "quantize"
            else node.operator == operator
            for node in self._consumers[name]
        )

    def fused(self, node: Node) -> Node | None:
        """Return the activation that a node takes into itself."""
        reader = self._sole_reader(node)
        fits = node.operator in FUSING and reader is not None
        return reader if fits and reader and reader.operator in ("relu", "clip") else None

    def rounding(self, node: Node) -> Node | None:
        """Return the ``quantize`` that alone reads a node."""
        reader = self._sole_reader(node)
        return reader if reader is not None and reader.operator == "quantize" else None

    def grid(self, quantize: Node) -> Grid:
        """Return the grid of a ``quantize``."""
        scale, zero = (
            np.asarray(self.program.tensors[quantize.parameters[role]])
            for role in ("scale", "zero_point")
        )
        return Grid(float(scale), int(zero) - OFFSET)

    def _sole_reader(self, node: Node) -> Node | None:
        readers = self._consumers[node.name]
        alone = len(readers) == 1 and node.name not in self.program.graph.outputs
        return readers[0] if alone else None


class Scope:
    """One node of the graph while its rule writes it."""

    def __init__(self, emitter: Emitter, node: Node) -> None:
        self.emitter = emitter
        self.node = node
        self.activation = emitter.fused(node)
        self._rounding = emitter.rounding(self.activation or node)

    def names(self, grid: Grid) -> list[str]:
        """Return the nodes that are written with this one, whose result is on a grid."""
        found = [self.node.name]
        if self.activation is not None:
            found.append(self.activation.name)
        if self._rounding is not None and self.emitter.grid(self._rounding) == grid:
            found.append(self._rounding.name)
        return found

    @property
    def grid(self) -> Grid:
        """Of what the node gives, behind the activation that is fused with it.

        Raises:
            CandidateError: It is in floats.
        """
        if self._rounding is None:
            raise self.refusal("gives floats here", INTEGER_ONLY)
        return self.emitter.grid(self._rounding)

    @property
    def output_shape(self) -> Shape:
        """Of this node, for one picture, as the graph has it."""
        return self.emitter.shapes[self.node.name]

    def input_shape(self, position: int = 0) -> Shape:
        """Of the node's input at ``position``, for one picture, as the graph has it."""
        return self.emitter.shapes[self.node.inputs[position]]

    def value(self, position: int = 0) -> Value:
        """Return an input.

        Raises:
            CandidateError: It is a flattened picture, whose order this operator would see.
        """
        found = self.emitter.values[self.node.inputs[position]]
        if found.mixed is not None:
            raise self.refusal("reads a flattened picture", "put a linear layer behind the flatten")
        return found

    def tensor(self, role: str) -> npt.NDArray[Any]:
        """Return a parameter's numbers."""
        return np.asarray(self.emitter.program.tensors[self.node.parameters[role]])

    def optional(self, role: str) -> npt.NDArray[Any] | None:
        """Return a parameter's numbers, or ``None`` where the node has none of that role."""
        return self.tensor(role) if role in self.node.parameters else None

    def numbers(self, *values: int) -> int:
        """Return the tensor of whole numbers, which every node may share."""
        return self.emitter.file.shared(np.array(values, dtype=np.int32))

    def pairs(self, pads: Sequence[tuple[int, int]]) -> int:
        """Return the tensor of what is added before and after each axis."""
        return self.emitter.file.shared(np.array(pads, dtype=np.int32))

    def real(self, value: float) -> int:
        """Return the tensor of one real number, as exact as a float."""
        grid = Grid(abs(value) / HIGHEST_CODE or 1.0, 0)
        code = np.array([np.sign(value) * HIGHEST_CODE], dtype=np.int8)
        return self.emitter.file.shared(code, grid)

    def step(
        self,
        kind: str,
        inputs: Sequence[int],
        *,
        shape: Sequence[int],
        grid: Grid,
        **options: Option,
    ) -> int:
        """Add an operator; its output has a shape as the file has it."""
        output = self.emitter.file.activation(self.node.name, shape, grid)
        self.emitter.file.operator(kind, inputs, output=output, options=options)
        return output

    def result(self, kind: str, inputs: Sequence[int], **options: Option) -> Value:
        """Add the operator that gives the node's result, on the grid that it is rounded to."""
        grid = self.grid
        shape = channels_last(self.output_shape)
        return Value(self.step(kind, inputs, shape=shape, grid=grid, **options), grid)

    def kept(self, kind: str, inputs: Sequence[int], **options: Option) -> Value:
        """Add the operator that gives the node's result on its input's grid."""
        grid, shape = self.value().grid, channels_last(self.output_shape)
        return Value(self.step(kind, inputs, shape=shape, grid=grid, **options), grid)

    def fused_activation(self) -> str:
        """Return the format's word for what is fused with the node.

        Raises:
            CandidateError: Limits that it has no word for, and that reach into the grid.
        """
        if self.activation is None:
            return NO_ACTIVATION
        limits = activation_range(self.activation)
        if limits in _FUSED:
            return f"ActivationFunctionType.{_FUSED[limits]}"
        if not spans(limits, self.grid):
            raise self.refusal(f"is cut off at {limits}", "use ReLU or ReLU6")
        return NO_ACTIVATION

    def refusal(self, what: str, instead: str) -> CandidateError:
        """Return the error that says what of this node a file of integers cannot have."""
        return CandidateError(
            f"{self.node.name!r} ({self.node.operator}) {what}, which a LiteRT file of integers "
            f"cannot express; {instead}"
        )


def channels_last(shape: Shape) -> Shape:
    """Return the shape that a value has in the file."""
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape


def file_axis(axis: int, rank: int) -> int:
    """Return the axis of the file's tensor that is the graph's ``axis``."""
    axis %= rank
    return {0: 0, 1: 3, 2: 1, 3: 2}[axis] if rank == 4 else axis


def activation_range(node: Node) -> tuple[float, float]:
    """Return the limits of a relu or clip."""
    if node.operator == "relu":
        return 0.0, np.inf
    return number(node, "low", -np.inf), number(node, "high", np.inf)


def spans(limits: tuple[float, float], grid: Grid) -> bool:
    """Whether a grid ends at ``limits`` or inside of them, so that rounding cuts off there."""
    low, high = (grid.scale * (code - grid.zero_point) for code in (LOWEST_CODE, HIGHEST_CODE))
    return limits[0] <= low + _HALF * grid.scale and high - _HALF * grid.scale <= limits[1]


def _one(name: str, shape: Shape) -> Shape:
    """Return a shape for one picture."""
    if any(size < 0 and size != BATCH for size in shape) or BATCH in shape[1:]:
        raise CandidateError(
            f"{name!r} must have the batch as an axis of its own in front for a LiteRT file"
        )
    return tuple(1 if size == BATCH else size for size in shape)
