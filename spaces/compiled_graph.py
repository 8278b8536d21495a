"""What the shapes of candidates need to know about a graph, read once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tightfit import WEIGHT_OPERATORS, Graph, IntArray, Node
from tightfit.spaces.folding import folded_norms
from tightfit.spaces.quantization import fused_ends, origins
from tightfit.spaces.shapes import Shape
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties


@dataclass(frozen=True, slots=True)
class CompiledGraph:
    """A baseline's graph with its tables.

    Attributes:
        graph: Of the baseline.
        layers: Its layers by name.
        ties: Its channels.
        norms: By layer, the batch norm that is folded into it.
        ends: By node, the last node that a runtime fuses with it.
        origin: By activation, the one whose grid it shares.
        hidden: Nodes whose work is done by the node they are fused with.
        positions: By activation, how many numbers each channel has, ``[sizes]``.
        places: By layer, how often its weights are applied for one picture, ``[sizes]``.
        flat: Activations whose channels are all that they have.
        repeated: Nodes whose parameters an earlier node has already.
    """

    graph: Graph
    layers: Mapping[str, Layer]
    ties: Ties
    norms: Mapping[str, Node]
    ends: Mapping[str, str]
    origin: Mapping[str, str]
    hidden: frozenset[str]
    positions: Mapping[str, IntArray]
    places: Mapping[str, IntArray]
    flat: frozenset[str]
    repeated: frozenset[str]
    _shapes: Mapping[str, Shape]

    def trained(self, node: Node, channels: IntArray) -> IntArray:
        """Return how many trainable numbers a norm has, ``[n]``; 0 for other nodes."""
        if node.operator not in ("batch_norm", "layer_norm") or node.name in self.repeated:
            return channels * 0
        roles = sum(role in node.parameters for role in ("weight", "bias"))
        if node.operator == "batch_norm":
            return channels * roles
        normalized = self._shapes[node.name][-node.integer("axes") :]
        return channels * 0 + roles * math.prod(normalized)


def compile_graph(
    graph: Graph, layers: Mapping[str, Layer], ties: Ties, shapes: Sequence[Mapping[str, Shape]]
) -> CompiledGraph:
    """Read a graph.

    Args:
        graph: Of the baseline.
        layers: Its layers by name.
        ties: Its channels.
        shapes: Of every activation, for each choice of the input size.
    """
    norms, ends = folded_norms(graph), fused_ends(graph)
    return CompiledGraph(
        graph=graph,
        layers=layers,
        ties=ties,
        norms=norms,
        ends=ends,
        origin=origins(graph),
        hidden=_hidden(graph, norms, ends),
        positions={
            name: np.array([math.prod(each[name][1:]) for each in shapes]) for name in shapes[0]
        },
        places={
            node.name: np.array([_places(node, each) for each in shapes])
            for node in graph.nodes
            if node.operator in WEIGHT_OPERATORS
        },
        flat=frozenset(name for name, shape in shapes[0].items() if len(shape) == 1),
        repeated=_repeated(graph),
        _shapes=shapes[0],
    )


def _places(node: Node, shapes: Mapping[str, Shape]) -> int:
    if node.operator == "linear":
        return math.prod(shapes[node.name][:-1])
    busy = node.inputs[0] if node.operator == "conv_transpose" else node.name
    return math.prod(shapes[busy][1:])


def _hidden(graph: Graph, norms: Mapping[str, Node], ends: Mapping[str, str]) -> frozenset[str]:
    hidden = {node.name for node in graph.nodes if node.operator == "dropout"}
    hidden |= {norm.name for norm in norms.values()}
    return frozenset(hidden | {end for name, end in ends.items() if end != name})


def _repeated(graph: Graph) -> frozenset[str]:
    seen: set[str] = set()
    repeated = set()
    for node in graph.nodes:
        if not seen.isdisjoint(node.parameters.values()):
            repeated.add(node.name)
        seen.update(node.parameters.values())
    return frozenset(repeated)
