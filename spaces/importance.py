"""Which channels of a group matter least."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tightfit.spaces.sites import ChannelGroup, Layer
from tightfit.spaces.ties import Ties


def magnitude(
    group: ChannelGroup, layers: Mapping[str, Layer], tensors: Mapping[str, Tensor], ties: Ties
) -> Tensor:
    """Return the importance of each channel of a group, ``[width]``.

    The L2 norm of the weights that give a channel and of those that read it (Li et al., "Pruning
    filters for efficient ConvNets", 2017), each layer scaled to mean 1, so that no layer of the
    group outvotes the others by the size of its weights.
    """
    total = torch.zeros(group.width)
    for name in group.producers:
        axis = 1 if layers[name].node.operator == "conv_transpose" else 0
        total += _norms(layers[name], tensors, ties, group, axis=axis, value=name)
    for name in group.consumers:
        layer = layers[name]
        axis = 1 if layer.dense and layer.node.operator != "conv_transpose" else 0
        total += _norms(layer, tensors, ties, group, axis=axis, value=layer.node.inputs[0])
    return total


def _norms(
    layer: Layer,
    tensors: Mapping[str, Tensor],
    ties: Ties,
    group: ChannelGroup,
    *,
    axis: int,
    value: str,
) -> Tensor:
    weight = tensors[layer.node.parameters["weight"]].float()
    squares = weight.square().movedim(axis, 0).flatten(1).sum(1)
    total, start = torch.zeros(group.width), 0
    for segment in ties.rows[value]:
        end = start + segment.width * segment.repeat
        if segment.group == group.number:
            total += squares[start:end].reshape(segment.width, segment.repeat).sum(1)
        start = end
    norms = total.sqrt()
    return norms / norms.mean().clamp_min(1e-12)
