"""Which layer each node of an ONNX file belongs to.

In our own files only the operators with weights bear a layer's name, because names are bytes; what
lies between them is told by the layer before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import GraphProto, TensorProto

from tightfit.objectives.runtimes.instructions import Part, Tensor


@dataclass(frozen=True, slots=True)
class Origin:
    """A layer and a node's part in it; without a name where no layer stands before the node."""

    layer: str
    part: Part

    def __str__(self) -> str:
        if not self.layer:
            return "before the first layer"
        words = {Part.LAYER: "at", Part.WEIGHTS: "at the weights of", Part.BEHIND: "behind"}
        return f"{words[self.part]} {self.layer!r}"


class Layers:
    """Answers for one graph where its nodes belong."""

    def __init__(self, graph: GraphProto) -> None:
        self._nodes = list(graph.node)
        self._constants = {each.name: tensor_of(each) for each in graph.initializer}
        self._maker = {name: k for k, node in enumerate(self._nodes) for name in node.output}
        self._readers: dict[str, list[int]] = {}
        for number, node in enumerate(self._nodes):
            for name in node.input:
                self._readers.setdefault(name, []).append(number)
        self._fixed = set(self._constants)
        for node in self._nodes:
            if all(not name or name in self._fixed for name in node.input):
                self._fixed.update(node.output)

    def fixed(self, number: int) -> bool:
        """Whether a node gives the same in every run: it reads constants alone."""
        return all(not name or name in self._fixed for name in self._nodes[number].output)

    def origin(self, number: int) -> Origin:
        """Return where a node belongs."""
        if self.fixed(number):
            return Origin(self._named_behind(number), Part.WEIGHTS)
        if self._nodes[number].name:
            return Origin(self._nodes[number].name, Part.LAYER)
        return Origin(self._named_before(number), Part.BEHIND)

    def stored_bits(self, number: int) -> int | None:
        """Return the bits that a node's largest matrix of weights has in the file, if it has one.

        Codes count as they are stored, before whatever unpacks and scales them.
        """
        found = [self._constants[name] for name in self._ancestors(number)]
        matrices = [each for each in found if len(each.shape) > 1]
        return max(matrices, key=lambda each: math.prod(each.shape)).bits if matrices else None

    def readers(self, number: int) -> list[int]:
        """Return the nodes that read what a node gives."""
        return [each for name in self._nodes[number].output for each in self._readers.get(name, ())]

    def sources(self, number: int) -> list[int]:
        """Return the nodes that give what a node reads, in the order of its inputs."""
        names = self._nodes[number].input
        return [self._maker[name] for name in names if name in self._maker]

    def _ancestors(self, number: int) -> Iterator[str]:
        """Yield the names of the constants behind a node's fixed inputs."""
        for name in self._nodes[number].input:
            if name in self._constants:
                yield name
            elif name in self._fixed and name in self._maker:
                yield from self._ancestors(self._maker[name])

    def _named_before(self, number: int) -> str:
        """Return the nearest name among what a node's results were made from."""
        changing = (each for each in self._walk(number, self.sources) if not self.fixed(each))
        return self._first_name(changing)

    def _named_behind(self, number: int) -> str:
        """Return the nearest name among what is made from a node's results."""
        changing = (each for each in self._walk(number, self.readers) if not self.fixed(each))
        return self._first_name(changing)

    def _walk(self, number: int, step: Callable[[int], list[int]]) -> Iterator[int]:
        """Yield the nodes around a node, nearest first."""
        front, seen = [number], {number}
        while front:
            around = dict.fromkeys(other for each in front for other in step(each))
            front = [each for each in around if each not in seen]
            seen.update(front)
            yield from front

    def _first_name(self, numbers: Iterable[int]) -> str:
        return next((self._nodes[each].name for each in numbers if self._nodes[each].name), "")


def place_of(operator: str, path: Path) -> str:
    """Return where a file asks for an operator: ``behind 'stem'``."""
    graph = onnx.load(path, load_external_data=False).graph
    layers = Layers(graph)
    places = [
        str(layers.origin(k)) for k, node in enumerate(graph.node) if node.op_type == operator
    ]
    return ", ".join(dict.fromkeys(places)) or "which another operator is made of"


def tensor_of(initializer: TensorProto) -> Tensor:
    """Return type and shape of an initializer."""
    name = TensorProto.DataType.Name(initializer.data_type).lower()
    return Tensor(numpy_name(name), tuple(initializer.dims))


def numpy_name(dtype: str) -> str:
    """Return numpy's name of a type of ONNX's, where the two differ."""
    return {"float": "float32", "double": "float64"}.get(dtype, dtype)
