"""The shapes of a batch of candidates by arithmetic alone.

The graph is read once; what remains for a batch is table look-ups by choice and products of integer
arrays. It gives exactly the shapes that surgery builds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tightfit import (
    FLOAT_BITS,
    WEIGHT_OPERATORS,
    Activation,
    Blueprint,
    BoolArray,
    IntArray,
    Node,
    Operation,
)
from tightfit.choice_array import settle
from tightfit.graph import Attribute
from tightfit.spaces.batch_sizes import BatchChoices, BatchSizes
from tightfit.spaces.compiled_graph import CompiledGraph
from tightfit.spaces.decomposition import part_name, ranks, spatial
from tightfit.spaces.quantization import ACTIVATION_BITS, rounded_activations


def blueprint(compiled: CompiledGraph, choices: BatchChoices) -> Blueprint:
    """Return the shapes of a batch of candidates."""
    return _Batch(compiled, choices).blueprint()


class _Batch:
    def __init__(self, compiled: CompiledGraph, choices: BatchChoices) -> None:
        self._g = compiled
        self._c = choices
        self._all = np.ones_like(choices.size, dtype=np.bool_)
        self._none = np.zeros_like(choices.size)
        self._sizes = BatchSizes(compiled, choices)
        self._operations: list[Operation] = []
        self._activations: dict[str, Activation] = {}
        self._bypass = compiled.absence.bypass(choices.dropped)
        self._rounded = rounded_activations(
            compiled.graph, choices.rounded, self._bypass, integer_only=compiled.integer_only
        )
        self._stored: dict[str, str] = {}
        """By name of a value, the activation in which it lies."""

    def blueprint(self) -> Blueprint:
        graph = self._g.graph
        for name in graph.inputs:
            self._store(name, name)
        for node in graph.nodes:
            if node.name in self._g.hidden:
                self._stored.setdefault(node.name, self._stored[node.inputs[0]])
                if node.name in self._bypass.alone:
                    self._fused_with_nothing(node)
                continue
            end = self._g.ends[node.name]
            self._store(node.name, end)
            inputs = tuple(self._stored[name] for name in node.inputs)
            if node.operator in WEIGHT_OPERATORS:
                self._layer(node, inputs, end)
            else:
                self._plain(node, inputs, end)
        return Blueprint(
            operations=tuple(self._operations),
            activations=self._activations,
            inputs=graph.inputs,
            outputs=tuple(self._stored[name] for name in graph.outputs),
            integer_only=self._g.integer_only,
        )

    def _store(self, name: str, end: str) -> None:
        """Note that the value of ``name`` lies in the activation ``end``."""
        self._stored[name] = self._stored[end] = end
        elements = self._sizes.channels(end) * self._sizes.positions(end)
        if end in self._bypass.lives:
            elements = elements * self._bypass.lives[end]
        sides = self._sizes.sides(end)
        self._activations[end] = Activation(end, elements, self._bits_of(end), sides)

    def _layer(self, node: Node, inputs: tuple[str, ...], end: str) -> None:
        share = self._c.shares.get(node.name)
        here = self._present(node)
        whole = here if share is None else here & np.equal(share, 0)
        before, after, groups = self._sizes.ends(node)
        kernel = self._g.layers[node.name].kernel
        self._add(
            node, node.name, inputs, end, present=whole, channels=(before, after), groups=groups,
            kernel=kernel, places=self._sizes.places(node.name), last=True,
            attributes=node.attributes,
        )  # fmt: skip
        split = here & ~whole
        if share is not None and split.any():
            self._parts(
                node, inputs, end, present=split, share=share, channels=(before, after),
                kernel=kernel,
            )  # fmt: skip

    def _parts(
        self,
        node: Node,
        inputs: tuple[str, ...],
        end: str,
        *,
        present: BoolArray,
        share: np.ndarray,
        channels: tuple[IntArray, IntArray],
        kernel: tuple[int, int],
    ) -> None:
        layer = self._g.layers[node.name]
        before, after = channels
        rank_in, rank_out = ranks(layer, share, before, after)
        outside = self._sizes.places(node.name)
        inside = self._sizes.read(node.name)
        thin = (1, 1)
        parts = (
            [((before, rank_in), thin, inside), ((rank_in, rank_out), kernel, outside),
             ((rank_out, after), thin, outside)]
            if spatial(layer)
            else [((before, rank_in), thin, outside), ((rank_in, after), thin, outside)]
        )  # fmt: skip
        busy = 1 if spatial(layer) else 0
        for position, (pair, size, places) in enumerate(parts):
            last = position == len(parts) - 1
            name = part_name(node.name, position, self._g.channels)
            output = end if last else name
            if not last:
                elements = np.where(present, pair[1] * places, 0)
                rounded = self._c.rounded.get(node.name, np.zeros_like(self._all))
                bits = np.where(rounded, ACTIVATION_BITS, FLOAT_BITS)
                sides = self._sizes.sides(node.inputs[0] if position < busy else node.name)
                self._activations[output] = Activation(output, elements, bits, sides)
            self._add(
                node, name, inputs, output, present=present, channels=pair,
                groups=self._all * 1, kernel=size, places=places, last=last,
                attributes=node.attributes if position == busy else {},
            )  # fmt: skip
            inputs = (output,)

    def _add(
        self,
        node: Node,
        name: str,
        inputs: tuple[str, ...],
        output: str,
        *,
        present: BoolArray,
        channels: tuple[IntArray, IntArray],
        groups: IntArray,
        kernel: tuple[int, int],
        places: IntArray,
        last: bool,
        attributes: Mapping[str, Attribute],
    ) -> None:
        norm = self._g.norms.get(node.name) if last else None
        biased = "bias" in node.parameters and last
        extras = channels[1] * int(biased and self._g.new(node, "bias"))
        # The file has the weights of every call, the module has them once; a buffer is no parameter
        # of it, but factors are.
        if not self._g.new(node, "weight", trained=name == node.name):
            area = kernel[0] * kernel[1]
            extras = extras - channels[0] * channels[1] * area // groups
        if norm is not None:
            extras = extras + self._sizes.trained(norm)
        self._operations.append(
            Operation(
                name=name,
                operator=node.operator,
                inputs=inputs,
                output=output,
                present=present,
                in_channels=np.where(present, channels[0], 0),
                out_channels=np.where(present, channels[1], 0),
                groups=groups,
                kernel=kernel,
                positions=places,
                bits=self._weight_bits(node.name),
                bias=biased or norm is not None,
                trained_extras=extras,
                attributes=attributes,
            )
        )

    def _fused_with_nothing(self, node: Node) -> None:
        """Add an activation where the sum that it is fused with is gone, and its skip left."""
        skip, _ = self._bypass.skips[node.inputs[0]]
        present = self._bypass.alone[node.name]
        self._plain(node, (self._stored[skip],), self._stored[node.name], present=present)

    def _plain(
        self, node: Node, inputs: tuple[str, ...], end: str, *, present: BoolArray | None = None
    ) -> None:
        present = self._present(node) if present is None else present
        scores = self._sizes.scores(node)
        self._operations.append(
            Operation(
                name=node.name,
                operator=node.operator,
                inputs=inputs,
                output=end,
                present=present,
                in_channels=self._none,
                out_channels=self._none,
                groups=self._none + 1,
                kernel=(1, 1),
                positions=self._none,
                bits=self._none + FLOAT_BITS,
                bias=False,
                trained_extras=self._sizes.trained(node),
                products=self._sizes.products(node) * present,
                scores=None if scores is None else scores * present,
                constant_bytes=self._constants(node),
                otherwise=self._otherwise(node, end),
                attributes=node.attributes,
            )
        )

    def _present(self, node: Node) -> BoolArray:
        return self._bypass.present.get(node.name, self._all)

    def _otherwise(self, node: Node, end: str) -> str | None:
        """Return what stands for the result of a block's sum where the block is dropped."""
        for name in (node.name, end):
            if node.operator == "add" and name in self._bypass.skips:
                return self._stored[self._bypass.skips[name][0]]
        return None

    def _constants(self, node: Node) -> IntArray | int:
        """Return bytes of the numbers that no node has which comes before and is there, ``[n]``."""
        total: IntArray | int = 0
        for constant in self._g.constants.get(node.name, ()):
            first = self._present(node)
            for name, other in constant.before:
                there = self._bypass.present.get(name, self._all)
                first = first & ~(there & self._sizes.equal(constant.tensor, other))
            total = total + first * self._sizes.numbers(constant.tensor) * constant.width
        return total

    def _bits_of(self, name: str) -> IntArray:
        rounded = self._rounded.get(self._g.origin[name])
        if rounded is None:
            return self._none + FLOAT_BITS
        return np.where(settle(rounded), ACTIVATION_BITS, FLOAT_BITS)

    def _weight_bits(self, layer: str) -> IntArray:
        return self._c.bits.get(layer, self._none + FLOAT_BITS)
