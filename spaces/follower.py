"""Follows the axes of every tensor through a graph, by one rule an operator.

What no rule can follow is frozen, with the reason, by name; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.axes import Axis, AxisStore, Mismatch, Plain, dims
from tightfit.spaces.shapes import BATCH, Shape
from tightfit.spaces.ties import Axes, Ties


@dataclass(slots=True)
class Follower:
    """Walks a graph once, from its inputs to its outputs.

    Attributes:
        rules: By operator, how the axes of its output come from those it reads.
        sizes: By name of a parameter, its tensor; only its shape is read.
        shapes: Of every activation, with the batch axis.
        store: Of all axes.
        values, tensors, fronts: As in :class:`tightfit.spaces.ties.Ties`, dims not yet settled.
        heads: Axes that count heads.
    """

    rules: Mapping[str, Rule]
    sizes: Mapping[str, Tensor]
    shapes: Mapping[str, Shape]
    store: AxisStore = field(default_factory=AxisStore)
    values: dict[str, Axes] = field(default_factory=dict)
    tensors: dict[str, Axes] = field(default_factory=dict)
    fronts: dict[str, Axis] = field(default_factory=dict)
    heads: list[Axis] = field(default_factory=list)

    def follow(self, graph: Graph) -> Ties:
        """Return how the network's channels hang together."""
        for name in graph.inputs:
            self.values[name] = self.fresh(self.shapes[name], "it is the network's input")
        for node in graph.nodes:
            self.values[node.name] = self._axes(node)
        for name in graph.outputs:
            for axis in self.values[name]:
                self.store.freeze(axis, "it is the network's output")
        return self._settled()

    def tensor(self, node: Node, role: str) -> Axes:
        """Return the axes of a parameter; what two nodes share has one set of axes."""
        name = node.parameters[role]
        if name not in self.tensors:
            sides = self.sizes[name].shape
            self.tensors[name] = tuple(self.store.new(side) for side in sides)
        return self.tensors[name]

    def fresh(self, shape: Shape, reason: str) -> Axes:
        """Return axes of their own for an activation: channels frozen, all others plain."""
        channel = 1 if len(shape) > 1 and shape[0] == BATCH else -1
        return tuple(
            self.store.new(side, reason) if position == channel else Plain(side)
            for position, side in enumerate(shape)
        )

    def same(self, first: Axis, second: Axis, node: Node) -> None:
        """Tie two axes; where they have no common structure, both stay whole."""
        try:
            self.store.unify(first, second)
        except Mismatch as mismatch:
            self.freeze((first, second), node, str(mismatch))

    def freeze(self, axes: Sequence[Axis], node: Node, why: str) -> None:
        """Keep axes whole because of a node."""
        for axis in axes:
            self.store.freeze(axis, _said(node, why))

    def _axes(self, node: Node) -> Axes:
        rule = self.rules.get(node.operator)
        read = [self.values[name] for name in node.inputs]
        if rule is None:
            return self._stop(node, read, "it has no rule for channels")
        try:
            found = rule(self, node, read)
        except Mismatch as mismatch:
            return self._stop(node, read, str(mismatch))
        sizes = tuple(axis.size for axis in found)
        shape = self.shapes[node.name]
        assert sizes == shape, f"{node.name} ({node.operator}): axes {sizes}, shape {shape}"
        return found

    def _stop(self, node: Node, read: list[Axes], why: str) -> Axes:
        """Freeze what a node reads and gives, and leave its parameters whole."""
        for axes in read:
            self.freeze(axes, node, why)
        for role in node.parameters:
            self.freeze(self.tensor(node, role), node, why)
        return self.fresh(self.shapes[node.name], _said(node, why))

    def _settled(self) -> Ties:
        resolve = self.store.resolve

        def settled(axes: Axes) -> Axes:
            return tuple(resolve(axis) for axis in axes)

        values = {name: settled(axes) for name, axes in self.values.items()}
        tensors = {name: settled(axes) for name, axes in self.tensors.items()}
        fronts = {name: resolve(axis) for name, axis in self.fronts.items()}
        heads = frozenset(dim.number for axis in self.heads for dim in dims(resolve(axis)))
        return Ties(values, tensors, fronts, dict(self.store.frozen), heads)


def _said(node: Node, why: str) -> str:
    """Return why a node keeps something whole; what was recorded has its own reason."""
    return str(node.attributes.get("reason", f"{node.name!r} ({node.operator}): {why}"))


Rule: TypeAlias = Callable[[Follower, Node, list[Axes]], Axes]
"""Of the follower, a node and the axes that it reads; it may raise :class:`Mismatch`."""
