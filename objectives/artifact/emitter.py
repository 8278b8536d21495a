"""What an emission rule writes with: nodes, initializers and the values between them.

Names inside a file are short, because names are bytes: ``x7`` is the result of the graph's node 7,
``w7`` its weights, ``s7`` their scales; numbers are written to the base of 36. Only the main
operator of a layer with weights bears the layer's path, so that a runtime's messages and profiles
say which layer they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, GraphProto, numpy_helper
from onnx.compose import add_prefix_graph

from tightfit.errors import CandidateError
from tightfit.graph import WEIGHT_OPERATORS, Node
from tightfit.objectives.artifact.packing import Initializer, add_initializer
from tightfit.objectives.artifact.shapes import Shape, shapes
from tightfit.program import Program

AttributeValue = int | float | str | Sequence[int]

SOLE_OUTPUT = "output"

LOWEST_OPSET = 18
"""The first in which every operator that the rules write has the form they write it in."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The levels of a quantized value: real = scale * (code - zero_point), codes 0..255."""

    scale_name: str
    zero_point_name: str
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Value:
    """What a node of the graph gives: a float tensor, or codes on a grid that stand for one.

    Attributes:
        name: Of the tensor in the file.
        grid: Set when the tensor holds uint8 codes.
    """

    name: str
    grid: Grid | None = None


class Emitter:
    """Adds a program's nodes to a file's graph, in execution order; collects the initializers."""

    def __init__(self, program: Program, graph: GraphProto, *, opset: int = LOWEST_OPSET) -> None:
        self.program = program
        self.graph = graph
        self.initializers: list[Initializer] = []
        self.shapes: dict[str, Shape] = shapes(program)
        self.consumers = program.graph.consumers()
        self.by_name = {node.name: node for node in program.graph.nodes}
        self.opset = opset
        self.values = {name: Value(name) for name in program.graph.inputs}
        self._dequantized: dict[str, str] = {}
        self._shared: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._taken = {*program.graph.inputs, *program.graph.outputs, SOLE_OUTPUT}

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        *,
        name: str = "",
        attributes: dict[str, AttributeValue] | None = None,
    ) -> str:
        """Add a node with one output and return the output's name."""
        proto = self.graph.node.add()
        proto.op_type = operator
        proto.input.extend(inputs)
        proto.output.append(output)
        if name:
            proto.name = name
        for key, value in (attributes or {}).items():
            proto.attribute.append(_attribute(key, value))
        return output

    def shared(self, array: npt.NDArray[Any]) -> str:
        """Return the name of an initializer that all who need these numbers share."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._shared:
            name = self.free(f"c{base36(len(self._shared))}")
            self._shared[key] = add_initializer(self.initializers, name, array)
        return self._shared[key]

    def free(self, name: str) -> str:
        """Return ``name``, lengthened where something else in the file has it."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def require(self, opset: int) -> None:
        """Raise the file's opset to at least ``opset``."""
        self.opset = max(self.opset, opset)

    def dequantized(self, value: Value) -> str:
        """Return the name of the float tensor of a value; one DequantizeLinear serves all."""
        if value.grid is None:
            return value.name
        if value.name not in self._dequantized:
            inputs = [value.name, value.grid.scale_name, value.grid.zero_point_name]
            output = self.free(f"d{value.name}")
            self._dequantized[value.name] = self.node("DequantizeLinear", inputs, output)
        return self._dequantized[value.name]


class Scope:
    """One node of the graph while its rule writes it."""

    def __init__(self, emitter: Emitter, node: Node, number: int) -> None:
        self.emitter = emitter
        self.node = node
        self.number = number

    @property
    def output_shape(self) -> Shape:
        """Of this node, the batch axis in front."""
        return self.emitter.shapes[self.node.name]

    def input_shape(self, position: int = 0) -> Shape:
        """Of the node's input at ``position``, the batch axis in front."""
        return self.emitter.shapes[self.node.inputs[position]]

    def value(self, position: int = 0) -> Value:
        """Return an input as it lies in the file: codes where they are there, or floats."""
        return self.emitter.values[self.node.inputs[position]]

    def floats(self) -> list[str]:
        """Return the names of all inputs as float tensors."""
        return [self.emitter.dequantized(self.value(k)) for k in range(len(self.node.inputs))]

    def tensor(self, role: str) -> npt.NDArray[Any]:
        """Return a parameter's numbers.

        Raises:
            CandidateError: The node has no parameter of that role.
        """
        found = self.optional(role)
        if found is None:
            raise CandidateError(
                f"{self.node.name!r} ({self.node.operator}) needs the parameter {role!r}"
            )
        return found

    def optional(self, role: str) -> npt.NDArray[Any] | None:
        """Return a parameter's numbers, or ``None`` where the node has none of that role."""
        name = self.node.parameters.get(role)
        return None if name is None else np.asarray(self.emitter.program.tensors[name])

    def constant(self, prefix: str, array: npt.NDArray[Any]) -> str:
        """Add an initializer of this node's own and return its name."""
        return add_initializer(self.emitter.initializers, self.local(prefix), array)

    def shared(self, array: npt.NDArray[Any]) -> str:
        """Return the name of an initializer that every node may share."""
        return self.emitter.shared(array)

    def local(self, prefix: str) -> str:
        """Return a name of this node's own."""
        return self.emitter.free(f"{prefix}{base36(self.number)}")

    def step(
        self, operator: str, inputs: Sequence[str], prefix: str, **attributes: AttributeValue
    ) -> str:
        """Add an auxiliary node and return its output's name."""
        return self.emitter.node(operator, inputs, self.local(prefix), attributes=attributes)

    def result(self, operator: str, inputs: Sequence[str], **attributes: AttributeValue) -> Value:
        """Add the node that gives the graph node's result."""
        return Value(self._main(operator, inputs, self._result_name(), attributes))

    def moved(self, operator: str, inputs: Sequence[str], **attributes: AttributeValue) -> Value:
        """Add a node that only moves numbers: it takes codes as they are and keeps their grid.

        ``inputs`` are those behind the value that is moved, the node's only input.
        """
        source = self.value()
        name = self._result_name() if source.grid is None else self.local("q")
        output = self._main(operator, [source.name, *inputs], name, attributes)
        return Value(output, source.grid)

    def inlined(self, graph: GraphProto, inputs: Sequence[str]) -> Value:
        """Add the nodes of a graph with one output, which is the graph node's result.

        Args:
            graph: Left as it is.
            inputs: What stands for its inputs, in order.
        """
        names = dict(zip((each.name for each in graph.input), inputs, strict=True))
        names[graph.output[0].name] = self._result_name()
        for each in graph.initializer:
            names[each.name] = self.shared(numpy_helper.to_array(each))
        part = add_prefix_graph(
            graph,
            f"{self.local('a')}.",
            rename_nodes=True,
            rename_inputs=False,
            rename_outputs=False,
            rename_initializers=False,
            name_map=names,
        )
        for node in part.node:
            node.ClearField("name")
        self.emitter.graph.node.extend(part.node)
        return Value(names[graph.output[0].name])

    def _main(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        attributes: dict[str, AttributeValue],
    ) -> str:
        name = self.node.name if self.node.operator in WEIGHT_OPERATORS else ""
        return self.emitter.node(operator, inputs, output, name=name, attributes=attributes)

    def _result_name(self) -> str:
        outputs = self.emitter.program.graph.outputs
        if self.node.name not in outputs:
            return self.local("x")
        return output_name(outputs, self.node.name)


def base36(number: int) -> str:
    """Return a whole number to the base of 36: two characters reach to 1295."""
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


def output_name(outputs: Sequence[str], name: str) -> str:
    """Return what the file calls the graph's output ``name``."""
    return SOLE_OUTPUT if len(outputs) == 1 else name


def _attribute(name: str, value: AttributeValue) -> AttributeProto:
    proto = AttributeProto()
    proto.name = name
    if isinstance(value, int):
        proto.type, proto.i = AttributeProto.INT, value
    elif isinstance(value, float):
        proto.type, proto.f = AttributeProto.FLOAT, value
    elif isinstance(value, str):
        proto.type, proto.s = AttributeProto.STRING, value.encode()
    else:
        proto.type = AttributeProto.INTS
        proto.ints.extend(value)
    return proto
