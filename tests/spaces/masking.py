"""The baseline with removed channels at zero: what a pruned network must compute."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Node
from tightfit.spaces.execution import OPERATIONS
from tightfit.spaces.network import Network

Kept = dict[str, tuple[Tensor, ...]]
"""By name of an activation, which of its positions stay along each axis."""


def masked_output(
    whole: Network, kept: Kept, inputs: Tensor, *, zeroed: frozenset[str] = frozenset()
) -> Tensor:
    """Run a baseline with removed channels at zero, its norms over those that are kept.

    Args:
        whole: The baseline, in the inputs' type.
        kept: By name of an activation, which of its positions stay.
        inputs: ``[n, ...]``.
        zeroed: Names of activations that are nothing: the branches of dropped blocks.
    """
    state, values = whole.state_dict(), {whole.graph.inputs[0]: inputs}
    for node in whole.graph.nodes:
        read = [values[name] for name in node.inputs]
        tensors = {role: state[name] for role, name in node.parameters.items()}
        found = masked_operation(node, read, tensors, kept)
        for axis, stays in enumerate(kept[node.name]):
            if not len(stays):
                continue
            mask = torch.zeros(found.shape[axis], dtype=torch.bool)
            mask[stays] = True
            found = found.movedim(axis, -1).where(mask, 0.0).movedim(-1, axis)
        values[node.name] = torch.zeros_like(found) if node.name in zeroed else found
    return values[whole.graph.outputs[0]]


def masked_operation(
    node: Node, read: list[Tensor], tensors: dict[str, Tensor], kept: Kept
) -> Tensor:
    """Compute one node; a norm takes its statistics over the channels that are kept."""
    if node.operator in ("batch_norm", "dropout"):
        if node.operator == "dropout":
            return read[0]
        return F.batch_norm(
            read[0], tensors["running_mean"], tensors["running_var"], tensors.get("weight"),
            tensors.get("bias"), eps=node.number("eps"),
        )  # fmt: skip
    if node.operator not in ("layer_norm", "rms_norm", "group_norm"):
        return OPERATIONS[node.operator](read, {"bias": None, **tensors}, node.attributes)
    part = read[0]
    stays = tuple(
        positions if len(positions) else torch.arange(side)
        for positions, side in zip(kept[node.inputs[0]], part.shape, strict=True)
    )
    for axis, positions in enumerate(stays):
        if len(positions) < part.shape[axis]:
            part = part.index_select(axis, positions)
    axes = [axis - node.integer("axes") for axis in range(node.integer("axes"))]
    affine = {
        role: tensor.index_select(0, stays[axes[0] if axes else 1]) if tensor.dim() == 1 else tensor
        for role, tensor in tensors.items()
    }
    normed = OPERATIONS[node.operator]([part], affine, node.attributes)
    result = torch.zeros_like(read[0])
    places = torch.meshgrid(*stays, indexing="ij")
    result[places] = normed
    return result
