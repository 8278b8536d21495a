"""Cuts removed positions out of every tensor that has them, and out of every number that counts.

Layers that are decomposed become their factors in the same go: these are found of what stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from tightfit import Graph, IntArray, Node
from tightfit.graph import Attribute
from tightfit.spaces.axes import Axis, Plain
from tightfit.spaces.decomposition import Decomposition
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties, changes, positions, width
from tightfit.spaces.tracing import Traced


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is done to the layers of a candidate.

    Attributes:
        kept: By number of a dim, its positions that stay.
        shares: By layer that is decomposed, its rank's share.
        mixtures: By layer that is corrected, how every channel that it read is mixed from those
            that stay, ``[channels, stay]``.
    """

    kept: Mapping[int, Tensor]
    shares: Mapping[str, float]
    mixtures: Mapping[str, Tensor]


class Surgeon:
    """Cuts the layers of one baseline.

    Args:
        traced: The baseline; left as it is.
        layers: Its layers by name.
        ties: Its channels.
        decomposition: Into factors; ``None`` where no candidate is decomposed.
    """

    def __init__(
        self,
        traced: Traced,
        layers: Mapping[str, Layer],
        ties: Ties,
        decomposition: Decomposition | None,
    ) -> None:
        self._traced = traced
        self._layers = layers
        self._ties = ties
        self._decomposition = decomposition
        self._names = frozenset(node.name for node in traced.graph.nodes)

    def __call__(
        self, graph: Graph, tensors: Mapping[str, Tensor], cuts: Cuts
    ) -> tuple[Graph, dict[str, Tensor], frozenset[str]]:
        """Return the graph that is left, its tensors, and the names of those that are trained.

        Args:
            graph: Of the baseline, for the candidate's input and without the blocks it drops.
            tensors: Of the baseline, for the candidate's input.
            cuts: Of the candidate.
        """
        replaced = {*cuts.shares, *cuts.mixtures}
        left = slice_tensors(graph, tensors, self._ties, cuts.kept, without=replaced)
        trainable = set(self._traced.trainable)
        nodes: list[Node] = []
        for node in graph.nodes:
            if node.name in cuts.shares:
                parts, factors = self._split(node, cuts)
                nodes += parts
                left |= factors
                trainable |= factors.keys()
                continue
            nodes.append(fitted(node, self._ties, cuts.kept))
            if node.name in cuts.mixtures:
                name, mixture = node.parameters["weight"], cuts.mixtures[node.name]
                whole = self._traced.tensors[name]
                layer = self._layers[node.name]
                left[name] = mixed(layer, whole, self._ties, cuts.kept, mixture)
        rewritten = Graph(graph.inputs, tuple(nodes), graph.outputs)
        return rewritten, left, frozenset(trainable & left.keys())

    def _split(self, node: Node, cuts: Cuts) -> tuple[list[Node], dict[str, Tensor]]:
        """Return the layers that a decomposed one becomes, and their tensors."""
        assert self._decomposition is not None
        outer, inner = self._layers[node.name].axes(self._ties)
        return self._decomposition.split(
            node,
            cuts.shares[node.name],
            taken=self._names,
            kept_out=positions(outer, cuts.kept),
            kept_in=positions(inner, cuts.kept),
            mixture=cuts.mixtures.get(node.name),
        )


def slice_tensors(
    graph: Graph,
    tensors: Mapping[str, Tensor],
    ties: Ties,
    kept: Mapping[int, Tensor],
    *,
    without: Collection[str] = (),
) -> dict[str, Tensor]:
    """Return copies of a graph's tensors with the positions that stay.

    Args:
        graph: Of the baseline.
        tensors: Of the baseline; left as they are.
        ties: Of the baseline.
        kept: By number of a dim, its positions that stay.
        without: Layers whose weights are left out, since others replace them.
    """
    result: dict[str, Tensor] = {}
    for node in graph.nodes:
        for role, name in node.parameters.items():
            replaced = role == "weight" and node.name in without
            if name not in result and not replaced:
                result[name] = _slice(tensors[name], ties.tensors.get(name, ()), kept)
    return result


def _slice(tensor: Tensor, axes: tuple[Axis, ...], kept: Mapping[int, Tensor]) -> Tensor:
    result = tensor
    for number, axis in enumerate(axes):
        if changes(axis, kept):
            result = result.index_select(number, positions(axis, kept))
    return result.clone() if result is tensor else result


def mixed(
    layer: Layer, weight: Tensor, ties: Ties, kept: Mapping[int, Tensor], mixture: Tensor
) -> Tensor:
    """Return a dense layer's weights with what it read folded into what it still reads.

    Args:
        layer: Of the baseline.
        weight: Of the baseline.
        ties: Of the baseline.
        kept: By number of a dim, its positions that stay.
        mixture: How every channel is mixed from those that stay, ``[channels, stay]``.
    """
    inner = 0 if layer.node.operator == "conv_transpose" else 1
    outer = layer.axes(ties)[0]
    rows = (
        weight.index_select(1 - inner, positions(outer, kept)) if changes(outer, kept) else weight
    )
    return (rows.movedim(inner, -1) @ mixture).movedim(-1, inner).contiguous()


def fitted(node: Node, ties: Ties, kept: Mapping[int, Tensor]) -> Node:
    """Return a node whose attributes count what is left.

    Args:
        node: Of the baseline's graph.
        ties: Of the baseline.
        kept: By number of a dim, its positions that stay.
    """
    widths = {number: np.array(len(stay)) for number, stay in kept.items()}
    change = _CHANGES.get(node.operator)
    changed = change(node, ties, widths) if change is not None else {}
    return replace(node, attributes={**node.attributes, **changed}) if changed else node


def _groups(node: Node, ties: Ties, widths: Mapping[int, IntArray]) -> dict[str, Attribute]:
    if node.integer("groups", 1) == 1:
        return {}
    inner = ties.tensors[node.parameters["weight"]][1]
    channels = width(ties.values[node.inputs[0]][1], widths)
    return {"groups": int(channels // width(inner, widths))}


def _shape(node: Node, ties: Ties, widths: Mapping[int, IntArray]) -> dict[str, Attribute]:
    sides = node.integers("shape")
    axes = ties.values[node.name]
    return {
        "shape": tuple(
            int(width(axis, widths)) if side > 0 and changes(axis, widths) else side
            for side, axis in zip(sides, axes, strict=True)
        )
    }


def _limits(node: Node, ties: Ties, widths: Mapping[int, IntArray]) -> dict[str, Attribute]:
    axis = ties.values[node.name][node.integer("axis")]
    front = ties.fronts.get(node.name, Plain(node.integer("start")))
    if not changes(axis, widths) and not changes(front, widths):
        return {}
    start, taken = int(width(front, widths)), int(width(axis, widths))
    return {"start": start, "end": start + (taken - 1) * node.integer("step", 1) + 1}


_CHANGES = {
    "conv": _groups,
    "reshape": _shape,
    "expand": _shape,
    "slice": _limits,
}
