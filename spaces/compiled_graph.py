"""What the shapes of candidates need to know about a graph, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np

from tightfit import WEIGHT_OPERATORS, Graph, IntArray, Node
from tightfit.spaces.absence import Absence, find_absence
from tightfit.spaces.axes import Axis, dims
from tightfit.spaces.blocks import Block
from tightfit.spaces.folding import folded_norms
from tightfit.spaces.quantization import fused_ends, origins
from tightfit.spaces.shapes import Shape, elements
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties
from tightfit.spaces.tracing import Traced

_BATCH_NORM_BYTES = 16
"""Of each channel of a batch norm that stays one: mean, variance, factor and summand."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Numbers of a node that stand in the file and are no parameters of it alone.

    Attributes:
        tensor: Its name.
        width: Bytes of each number.
        before: Earlier nodes with the same numbers, and what these call them: equal numbers stand
            in a file once.
    """

    tensor: str
    width: int
    before: tuple[tuple[str, str], ...]


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
        channels: By activation, all of its axes that can change, as one.
        positions: By activation, how many numbers each channel has for one picture, ``[sizes]``; 0
            where it depends on no picture.
        places: By layer, how often its weights are applied for one picture, ``[sizes]``, for each
            of the positions along `across`.
        read: By layer, how many places it reads for one picture, ``[sizes]``, counted alike.
        across: By layer, all axes that can change and that it works along, as one.
        repeated: By node, those of its parameters that an earlier node has already.
        trainable: Names of tensors that are parameters.
        recorded: By node that calls what was recorded, its MACs for one picture, ``[sizes]``.
        sizes: Shapes of every activation, for each choice of the input size.
        integer_only: Whether every activation of a quantized network is rounded.
        constants: By node without weights, its untrained numbers that no earlier node surely has as
            well, and the weights of earlier layers that it reads as they are.
        absence: Which nodes and activations are there only with which residual blocks.
    """

    graph: Graph
    layers: Mapping[str, Layer]
    ties: Ties
    norms: Mapping[str, Node]
    ends: Mapping[str, str]
    origin: Mapping[str, str]
    hidden: frozenset[str]
    channels: Mapping[str, Axis]
    positions: Mapping[str, IntArray]
    places: Mapping[str, IntArray]
    read: Mapping[str, IntArray]
    across: Mapping[str, Axis]
    repeated: Mapping[str, frozenset[str]]
    trainable: frozenset[str]
    constants: Mapping[str, Sequence[Constant]]
    absence: Absence
    recorded: Mapping[str, IntArray]
    sizes: Sequence[Mapping[str, Shape]]
    resized: Mapping[str, IntArray]
    integer_only: bool

    def trained(self, node: Node) -> tuple[str, ...]:
        """Return the names of a node's trainable tensors that no earlier node has."""
        return tuple(name for role, name in node.parameters.items() if self.new(node, role))

    def new(self, node: Node, role: str, *, trained: bool = True) -> bool:
        """Whether no earlier node has a node's parameter, and it is trainable where that counts."""
        name = node.parameters[role]
        return name not in self.repeated[node.name] and (name in self.trainable or not trained)


def compile_graph(
    traced: Traced,
    layers: Mapping[str, Layer],
    ties: Ties,
    shapes: Sequence[Mapping[str, Shape]],
    *,
    blocks: Sequence[Block] = (),
    resized: Mapping[str, IntArray] | None = None,
    recorded: Mapping[str, IntArray] | None = None,
    integer_only: bool = False,
) -> CompiledGraph:
    """Read a graph.

    Args:
        traced: The baseline.
        layers: Its layers by name.
        ties: Its channels.
        shapes: Of every activation, for each choice of the input size.
        blocks: That may be dropped.
        resized: By name of a tensor that is another at another input size, its numbers.
        recorded: By node that calls what was recorded, its MACs for each choice of the input size;
            the graph's own where it is not given.
        integer_only: Whether every activation of a quantized network is rounded.
    """
    graph = traced.graph
    absence = find_absence(graph, blocks)
    norms, ends = folded_norms(graph), fused_ends(graph)
    channels = {name: ties.channels(name) for name in shapes[0]}
    weighted = {node.name: node for node in graph.nodes if node.operator in WEIGHT_OPERATORS}
    across = {name: _across(node, ties) for name, node in weighted.items()}
    return CompiledGraph(
        graph=graph,
        layers=layers,
        ties=ties,
        norms=norms,
        ends=ends,
        origin=origins(graph),
        hidden=_hidden(graph, norms, ends),
        channels=channels,
        positions={
            name: np.array([elements(each[name]) // channels[name].size for each in shapes])
            for name in shapes[0]
        },
        places={
            name: np.array([_places(node, _busy(node), each) for each in shapes])
            // across[name].size
            for name, node in weighted.items()
        },
        read={
            name: np.array([_places(node, node.inputs[0], each) for each in shapes])
            // across[name].size
            for name, node in weighted.items()
        },
        across=across,
        repeated=_repeated(graph),
        trainable=traced.trainable,
        constants=_constants(traced, ties, absence, folded={each.name for each in norms.values()}),
        absence=absence,
        recorded=recorded_macs([graph]) if recorded is None else recorded,
        sizes=shapes,
        resized=resized or {},
        integer_only=integer_only,
    )


def recorded_macs(graphs: Sequence[Graph]) -> dict[str, IntArray]:
    """Return by node that calls what was recorded its MACs in each of some graphs alike."""
    counts: dict[str, list[int]] = {}
    for graph in graphs:
        for node in graph.nodes:
            if node.operator == "aten":
                counts.setdefault(node.name, []).append(node.integer("macs"))
    return {name: np.array(each) for name, each in counts.items()}


def _busy(node: Node) -> str:
    """Return the activation at each of whose places a layer's weights are applied once."""
    return node.inputs[0] if node.operator == "conv_transpose" else node.name


def _places(node: Node, activation: str, shapes: Mapping[str, Shape]) -> int:
    """Return how many places one picture has in what a layer reads or gives."""
    shape = shapes[activation]
    channels = len(shape) - 1 if node.operator == "linear" else 1
    return elements((*shape[:channels], *shape[channels + 1 :]))


def _across(node: Node, ties: Ties) -> Axis:
    """Return the axes that can change and that a layer works along; a filter's positions stay."""
    axes = ties.values[node.name]
    return ties.changing(axes[:-1] if node.operator == "linear" else axes[:1])


def _hidden(graph: Graph, norms: Mapping[str, Node], ends: Mapping[str, str]) -> frozenset[str]:
    hidden = {node.name for node in graph.nodes if node.operator == "dropout"}
    hidden |= {norm.name for norm in norms.values()}
    return frozenset(hidden | {end for name, end in ends.items() if end != name})


def _repeated(graph: Graph) -> dict[str, frozenset[str]]:
    seen: set[str] = set()
    repeated = {}
    for node in graph.nodes:
        repeated[node.name] = frozenset(seen & {*node.parameters.values()})
        seen.update(node.parameters.values())
    return repeated


def _constants(
    traced: Traced, ties: Ties, absence: Absence, *, folded: Set[str]
) -> dict[str, list[Constant]]:
    """Find the numbers that stand in the file beside what is trained.

    They are the untrained ones of which no earlier node surely has the same: masks and row numbers
    have 4 bytes each, those of recorded calls what their type has. They are those of batch norms
    that train nothing and are not folded. And they are the weights that a layer has as well: it
    keeps them folded and rounded, so that the file has both.
    """
    owners: dict[tuple[Shape, bytes], list[tuple[str, str]]] = {}
    found: dict[str, list[Constant]] = {}
    in_layers: set[str] = set()
    as_they_are: set[str] = set()
    for node in traced.graph.nodes:
        if node.operator in WEIGHT_OPERATORS or node.name in folded:
            in_layers.update(node.parameters.values())
            continue
        for role, name in node.parameters.items():
            if name in traced.trainable:
                if name in in_layers and name not in as_they_are:
                    found.setdefault(node.name, []).append(Constant(name, 4, ()))
                as_they_are.add(name)
                continue
            if role == "running_mean" and "weight" not in node.parameters:
                # Elsewhere what is trained says how many numbers a norm has.
                found.setdefault(node.name, []).append(Constant(name, _BATCH_NORM_BYTES, ()))
            recorded = node.operator == "aten"
            if not (recorded or role in ("value", "index")):
                continue
            tensor = traced.tensors[name]
            before = owners.setdefault((tuple(tensor.shape), tensor.numpy().tobytes()), [])
            if not any(
                owner == node.name or (owner not in absence.nodes and _alike(other, name, ties))
                for owner, other in before
            ):
                width = tensor.element_size() if recorded else 4
                found.setdefault(node.name, []).append(Constant(name, width, tuple(before)))
            before.append((node.name, name))
    return found


def _alike(first: str, second: str, ties: Ties) -> bool:
    """Whether two tensors lose the same positions in every candidate, or none."""
    axes = (ties.tensors[first], ties.tensors[second])
    loose = {dim.number for each in axes for axis in each for dim in dims(axis)} - {*ties.frozen}
    return axes[0] == axes[1] or not loose
