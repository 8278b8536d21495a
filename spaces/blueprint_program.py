"""The shapes of a batch of candidates by arithmetic alone.

The graph is read once; what remains for a batch is table look-ups by choice and products of integer
arrays. It gives exactly the shapes that surgery builds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tightfit import (
    FLOAT_BITS,
    WEIGHT_OPERATORS,
    Activation,
    Blueprint,
    BoolArray,
    Graph,
    IntArray,
    Node,
    Operation,
)
from tightfit.spaces.decomposition import ranks, spatial
from tightfit.spaces.folding import folded_norms
from tightfit.spaces.quantization import fused_ends, origins, rounded_activations
from tightfit.spaces.shapes import Shape
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties


@dataclass(frozen=True, slots=True)
class BatchChoices:
    """What the knobs chose, in numbers, ``[n]`` each.

    Attributes:
        widths: By number of a group; whole where it is not named.
        shares: By layer, its rank's share; 0 or not named where it stays whole.
        bits: By layer; 32 or not named where it stays in float32.
        size: Index of the input size's choice.
    """

    widths: Mapping[int, IntArray]
    shares: Mapping[str, np.ndarray]
    bits: Mapping[str, IntArray]
    size: IntArray


class BlueprintProgram:
    """A network's graph, compiled to arithmetic.

    Args:
        graph: Of the baseline.
        layers: Its layers by name.
        ties: Its channels.
        shapes: Of every activation, for each choice of the input size.
    """

    def __init__(
        self,
        graph: Graph,
        layers: Mapping[str, Layer],
        ties: Ties,
        shapes: list[dict[str, Shape]],
    ) -> None:
        self._graph = graph
        self._layers = layers
        self._ties = ties
        self._norms = folded_norms(graph)
        self._ends = fused_ends(graph)
        self._origin = origins(graph)
        self._positions = {
            name: np.array([_positions(each[name]) for each in shapes]) for name in shapes[0]
        }
        self._flat = {name: len(shape) == 1 for name, shape in shapes[0].items()}
        self._hidden = self._inside_fusions()

    def __call__(self, choices: BatchChoices) -> Blueprint:
        """Return the blueprint of a batch."""
        return _Batch(self, choices).blueprint()

    def _inside_fusions(self) -> set[str]:
        """Return the nodes whose work is done by the node they are fused with."""
        hidden = {node.name for node in self._graph.nodes if node.operator == "dropout"}
        hidden |= {norm.name for norm in self._norms.values()}
        for name, end in self._ends.items():
            if end != name and end not in hidden:
                hidden.add(end)
        return hidden


class _Batch:
    def __init__(self, program: BlueprintProgram, choices: BatchChoices) -> None:
        self._p = program
        self._c = choices
        self._n = len(choices.size)
        self._all = np.ones(self._n, dtype=bool)
        self._none = np.zeros(self._n, dtype=np.int64)
        self._operations: list[Operation] = []
        self._activations: dict[str, Activation] = {}
        quantized = {name: np.less(bits, FLOAT_BITS) for name, bits in choices.bits.items()}
        self._rounded = rounded_activations(program._graph, quantized)
        self._stored: dict[str, str] = {}
        """By name of a value, the activation in which it lies."""

    def blueprint(self) -> Blueprint:
        graph = self._p._graph
        for name in graph.inputs:
            self._store(name, name)
        for node in graph.nodes:
            if node.name in self._p._hidden:
                self._stored.setdefault(node.name, self._stored[node.inputs[0]])
                continue
            end = self._p._ends[node.name]
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
        )

    def _store(self, name: str, end: str) -> None:
        """Note that the value of ``name`` lies in the activation ``end``."""
        self._stored[name] = self._stored[end] = end
        elements = self._channels(end) * self._positions(end)
        if self._p._flat[end]:
            elements = self._channels(end)
        self._activations[end] = Activation(end, elements, self._bits_of(end))

    def _layer(self, node: Node, inputs: tuple[str, ...], end: str) -> None:
        share = self._c.shares.get(node.name)
        whole = self._all if share is None else np.equal(share, 0)
        before, after = self._channels(node.inputs[0]), self._channels(node.name)
        kernel = _kernel(self._p._layers[node.name])
        groups = np.maximum(1, self._all * node.integer("groups", 1))
        if int(groups[0]) > 1 and not self._p._layers[node.name].dense:
            groups = after if self._depthwise(node) else groups
        self._add(
            node, node.name, inputs, end, present=whole, channels=(before, after), groups=groups,
            kernel=kernel, places=self._places(node), last=True,
        )  # fmt: skip
        if share is not None and not whole.all():
            self._parts(node, inputs, end, share=share, channels=(before, after), kernel=kernel)

    def _parts(
        self,
        node: Node,
        inputs: tuple[str, ...],
        end: str,
        *,
        share: np.ndarray,
        channels: tuple[IntArray, IntArray],
        kernel: tuple[int, int],
    ) -> None:
        layer = self._p._layers[node.name]
        before, after = channels
        rank_in, rank_out = ranks(layer, share, before, after)
        present = np.greater(share, 0)
        inside, outside = self._positions(node.inputs[0]), self._positions(node.name)
        thin = (1, 1)
        parts = (
            [((before, rank_in), thin, inside), ((rank_in, rank_out), kernel, outside),
             ((rank_out, after), thin, outside)]
            if spatial(layer)
            else [((before, rank_in), thin, outside), ((rank_in, after), thin, outside)]
        )  # fmt: skip
        for position, (pair, size, places) in enumerate(parts):
            last = position == len(parts) - 1
            output = end if last else f"{node.name}.{position}"
            if not last:
                elements = np.where(present, pair[1] * places, 0)
                bits = np.where(np.less(self._weight_bits(node.name), FLOAT_BITS), 8, FLOAT_BITS)
                self._activations[output] = Activation(output, elements, bits)
            self._add(
                node, f"{node.name}.{position}", inputs, output, present=present, channels=pair,
                groups=self._all * 1, kernel=size, places=places, last=last,
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
    ) -> None:
        norm = self._p._norms.get(node.name)
        biased = "bias" in node.parameters and last
        extras = int(biased) + (_trained(norm) if norm is not None and last else 0)
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
                bias=biased or (norm is not None and last),
                trained_extras=extras * channels[1],
            )
        )

    def _plain(self, node: Node, inputs: tuple[str, ...], end: str) -> None:
        extras = _trained(node) * self._channels(node.name)
        self._operations.append(
            Operation(
                name=node.name,
                operator=node.operator,
                inputs=inputs,
                output=end,
                present=self._all,
                in_channels=self._none,
                out_channels=self._none,
                groups=self._none + 1,
                kernel=(1, 1),
                positions=self._none,
                bits=self._none + FLOAT_BITS,
                bias=False,
                trained_extras=extras,
            )
        )

    def _channels(self, name: str) -> IntArray:
        total = self._none
        for segment in self._p._ties.rows[name]:
            width = self._c.widths.get(segment.group, segment.width)
            total = total + width * segment.repeat
        return total

    def _positions(self, name: str) -> IntArray:
        return self._p._positions[name][self._c.size]

    def _places(self, node: Node) -> IntArray:
        """Return at how many positions the weights are applied."""
        return self._positions(node.inputs[0] if node.operator == "conv_transpose" else node.name)

    def _bits_of(self, name: str) -> IntArray:
        rounded = self._rounded.get(self._p._origin[name])
        if rounded is None:
            return self._none + FLOAT_BITS
        return np.where(rounded, 8, FLOAT_BITS)

    def _weight_bits(self, layer: str) -> IntArray:
        return self._c.bits.get(layer, self._none + FLOAT_BITS)

    def _depthwise(self, node: Node) -> bool:
        return self._p._layers[node.name].shape[1] == 1


def _positions(shape: Shape) -> int:
    product = 1
    for side in shape[1:]:
        product *= side
    return product


def _kernel(layer: Layer) -> tuple[int, int]:
    return (layer.shape[2], layer.shape[3]) if len(layer.shape) == 4 else (1, 1)


def _trained(node: Node | None) -> int:
    """Return how many trainable numbers a node has for each channel."""
    if node is None or node.operator not in ("batch_norm", "layer_norm"):
        return 0
    return sum(role in node.parameters for role in ("weight", "bias"))
