"""How large the things of a network are in each candidate of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tightfit import BoolArray, IntArray, Node
from tightfit.choice_array import pick, settle
from tightfit.spaces.axes import Axis
from tightfit.spaces.compiled_graph import CompiledGraph
from tightfit.spaces.ties import width

PICTURE_RANK = 4


@dataclass(frozen=True, slots=True)
class BatchChoices:
    """What the knobs chose, in numbers, ``[n]`` each.

    Attributes:
        widths: By number of a dim; whole where it is not named.
        shares: By layer, its rank's share; 0 or not named where it stays whole.
        bits: Of the weights by layer; 32 or not named where they stay in float32.
        rounded: By layer, whether what it reads and gives is rounded; not where it is not named.
        dropped: By residual block; it stays where it is not named.
        size: Index of the input size's choice.
    """

    widths: Mapping[int, IntArray]
    shares: Mapping[str, np.ndarray]
    bits: Mapping[str, IntArray]
    rounded: Mapping[str, BoolArray]
    dropped: Mapping[str, BoolArray]
    size: IntArray


class BatchSizes:
    """Numbers of a graph for a batch of candidates, each ``[n]``.

    Args:
        compiled: The baseline's graph.
        choices: Of the candidates.
    """

    def __init__(self, compiled: CompiledGraph, choices: BatchChoices) -> None:
        self._g = compiled
        self._c = choices
        self._zeros = np.zeros_like(choices.size)
        self._widths: dict[Axis, IntArray] = {}

    def trained(self, node: Node) -> IntArray:
        """Return how many trainable numbers a node without weights has, ``[n]``."""
        return self._zeros + sum(self.numbers(name) for name in self._g.trained(node))

    def numbers(self, tensor: str) -> IntArray:
        """Return how many numbers a tensor has, ``[n]``."""
        axes = self._g.ties.tensors[tensor]
        total = math.prod((self.width(axis) for axis in axes), start=self._zeros + 1)
        if tensor in self._g.resized:
            by_size = self._g.resized[tensor]
            total = total * pick(by_size, self._c.size) // by_size[0]
        return total

    def equal(self, first: str, second: str) -> BoolArray:
        """Whether tensors that are equal in the baseline still are, ``[n]``.

        Where different channels of them are removed, what is left counts as different.
        """
        axes = self._g.ties.tensors
        same = np.equal(self._zeros, 0)
        if axes[first] != axes[second]:
            for axis in (*axes[first], *axes[second]):
                same = same & np.equal(self.width(axis), axis.size)
        return same

    def products(self, node: Node) -> IntArray:
        """Return the multiply-accumulates of a node that is no layer, ``[n]``."""
        if node.name in self._g.recorded:
            return pick(self._g.recorded[node.name], self._c.size)
        if node.operator not in ("matmul", "attention"):
            return self._zeros
        inner = self.side(node.inputs[0], -1)
        if node.operator == "matmul":
            return self.channels(node.name) * self.positions(node.name) * inner
        # Every query meets every key, by the query's width and then by the value's.
        return self._pairs(node) * (inner + self.side(node.inputs[2], -1))

    def scores(self, node: Node) -> IntArray | None:
        """Return how many pairs of a query and a key an attention weighs, ``[n]``."""
        return self._pairs(node) if node.operator == "attention" else None

    def _pairs(self, node: Node) -> IntArray:
        result = self.channels(node.name) * self.positions(node.name)
        return result // self.side(node.inputs[2], -1) * self.side(node.inputs[1], -2)

    def side(self, name: str, axis: int) -> IntArray:
        """Return how long one axis of an activation is, ``[n]``."""
        found = self._g.ties.values[name][axis]
        if self._g.ties.loose(found):
            return self.width(found)
        return pick(np.array([shapes[name][axis] for shapes in self._g.sizes]), self._c.size)

    def sides(self, name: str) -> tuple[IntArray, ...]:
        """Return height and width of a picture, ``[n]`` each; nothing where nobody asks."""
        if len(self._g.sizes[0][name]) != PICTURE_RANK or not self._g.integer_only:
            return ()
        return self.side(name, -2), self.side(name, -1)

    def channels(self, name: str) -> IntArray:
        """Return the channels of an activation, ``[n]``."""
        return self.width(self._g.channels[name])

    def width(self, axis: Axis) -> IntArray:
        """Return how many positions an axis has left, ``[n]``."""
        if axis not in self._widths:
            self._widths[axis] = settle(self._zeros + width(axis, self._c.widths))
        return self._widths[axis]

    def ends(self, node: Node) -> tuple[IntArray, IntArray, IntArray]:
        """Return a layer's input channels, output channels and groups, ``[n]`` each."""
        outer, inner = (self.width(axis) for axis in self._g.layers[node.name].axes(self._g.ties))
        groups = node.integer("groups", 1)
        if groups == 1:
            return inner, outer, self._zeros + 1
        channels = self.width(self._g.ties.values[node.inputs[0]][1])
        if node.operator == "conv_transpose":
            return inner, outer * groups, self._zeros + groups
        return channels, outer, channels // inner

    def positions(self, name: str) -> IntArray:
        """Return how many numbers each channel of an activation has, ``[n]``."""
        return pick(self._g.positions[name], self._c.size)

    def places(self, layer: str) -> IntArray:
        """Return how often a layer's weights are applied, ``[n]``."""
        places = pick(self._g.places[layer], self._c.size)
        return places * self.width(self._g.across[layer])

    def read(self, layer: str) -> IntArray:
        """Return how many places a layer reads, ``[n]``."""
        return pick(self._g.read[layer], self._c.size) * self.width(self._g.across[layer])
