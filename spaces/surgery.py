"""Cuts removed channels out of every tensor that has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.ties import Ties


def slice_tensors(
    graph: Graph,
    tensors: Mapping[str, Tensor],
    ties: Ties,
    kept: Mapping[int, Tensor],
    *,
    without: Collection[str] = (),
) -> dict[str, Tensor]:
    """Return copies of a graph's tensors with the channels that stay.

    Args:
        graph: Of the baseline.
        tensors: Of the baseline; left as they are.
        ties: Of the baseline.
        kept: By number of a group, the channels that stay.
        without: Layers whose weights are left out, since others replace them.
    """
    result: dict[str, Tensor] = {}
    for node in graph.nodes:
        for role, name in node.parameters.items():
            replaced = role == "weight" and node.name in without
            if name not in result and not replaced:
                result[name] = _slice(node, role, tensors[name], ties, kept)
    return result


def _slice(node: Node, role: str, tensor: Tensor, ties: Ties, kept: Mapping[int, Tensor]) -> Tensor:
    if not kept or node.name in ties.whole:
        return tensor.clone()
    outputs = ties.kept(node.name, kept)
    if role != "weight" or node.operator in ("batch_norm", "layer_norm"):
        return tensor[outputs]
    if node.integer("groups", 1) > 1:
        return tensor[outputs]  # depthwise, or frozen and whole
    inputs = ties.kept(node.inputs[0], kept)
    if node.operator == "conv_transpose":
        return tensor[inputs][:, outputs]
    return tensor[outputs][:, inputs]
