"""Cuts removed positions out of every tensor that has them, and out of every number that counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from tightfit import Graph, IntArray, Node
from tightfit.graph import Attribute
from tightfit.spaces.axes import Axis, Plain
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties, changes, positions, width


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
