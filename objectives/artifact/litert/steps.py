"""Operators of files that are yet to be written, for a batch of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tightfit.blueprint import Activation, Blueprint, Operation
from tightfit.graph import Node
from tightfit.objectives.artifact.attributes import pair
from tightfit.objectives.artifact.litert.arena import aligned
from tightfit.objectives.artifact.litert.padding import Sliding
from tightfit.space import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class Step:
    """An operator of the file.

    Attributes:
        kind: Of :data:`tightfit.objectives.artifact.litert.kinds.KINDS`.
        operation: Where it is present, what it reads and writes.
        constants: Tensors of numbers that it reads.
        channels: How many have a scale of their own, ``[n]``.
        weights: How many it has, ``[n]``.
        scratch: Bytes that its kernel asks for while it runs, ``[n]``.
    """

    kind: str
    operation: Operation
    constants: int
    channels: IntArray
    weights: IntArray
    scratch: IntArray


@dataclass(slots=True)
class Lowered:
    """Operators in execution order, and what lies between them, 8 bits each."""

    steps: list[Step] = field(default_factory=list)
    elements: dict[str, IntArray] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Of activations that are another one."""

    def name(self, name: str) -> str:
        """Return the name under which an activation lies in the arena."""
        return self.names.get(name, name)

    def blueprint(self, source: Blueprint) -> Blueprint:
        """Return the shapes of the file that is written of a blueprint; sizes are of the arena."""
        bits = source.activations[source.inputs[0]].bits
        return replace(
            source,
            operations=tuple(step.operation for step in self.steps),
            activations={
                name: Activation(name, aligned(elements), bits)
                for name, elements in self.elements.items()
            },
            outputs=tuple(map(self.name, source.outputs)),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """One operation while its rule adds its steps."""

    found: Lowered
    blueprint: Blueprint
    operation: Operation

    @property
    def node(self) -> Node:
        """The operation as a node of the graph."""
        each = self.operation
        return Node(each.name, each.operator, each.inputs, attributes=each.attributes)

    @property
    def source(self) -> Activation:
        """What is read first."""
        return self.blueprint.activations[self.operation.inputs[0]]

    @property
    def result(self) -> Activation:
        """What is given."""
        return self.blueprint.activations[self.operation.output]

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of what is read, as it lies in the arena."""
        return tuple(map(self.found.name, self.operation.inputs))

    def last(
        self,
        kind: str,
        reads: Sequence[str],
        constants: int = 0,
        *,
        where: BoolArray | None = None,
        channels: IntArray | None = None,
        weights: IntArray | None = None,
        scratch: IntArray | None = None,
    ) -> None:
        """Add the operator that gives the result, in some of the candidates that have it."""
        operation = replace(self.operation, inputs=tuple(reads), present=self._present(where))
        none = np.zeros_like(operation.bits)
        self.found.steps.append(
            Step(
                kind,
                operation,
                constants,
                channels=none if channels is None else channels,
                weights=none if weights is None else weights,
                scratch=none if scratch is None else scratch,
            )
        )

    def before(
        self,
        kind: str,
        reads: Sequence[str],
        constants: int = 0,
        *,
        elements: IntArray | None = None,
        where: BoolArray | None = None,
    ) -> str:
        """Add an operator in front of it, and return the name of what that gives."""
        present, none = self._present(where), np.zeros_like(self.operation.bits)
        output = f"{self.operation.name}.{kind}.{len(self.found.steps)}"
        size = self.result.elements if elements is None else elements
        self.found.elements[output] = np.where(present, size, 0)
        operation = replace(
            self.operation, inputs=tuple(reads), output=output, present=present, otherwise=None
        )
        self.found.steps.append(Step(kind, operation, constants, none, none, none))
        return output

    def _present(self, where: BoolArray | None) -> BoolArray:
        return self.operation.present if where is None else self.operation.present & where

    def windows(self, kernel: tuple[int, int], stride: tuple[int, int]) -> list[Sliding]:
        """Return the window down the rows, and along the columns."""
        padding = pair(self.node, "padding", 0)
        return [
            Sliding(size, count, reach, step, before)
            for size, count, reach, step, before in zip(
                self.source.sides, self.result.sides, kernel, stride, padding, strict=True
            )
        ]
