"""Which positions of a dim matter least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from tightfit.spaces.axes import Axis, Dim, Joined, Plain, Product
from tightfit.spaces.ties import Ties


def magnitude(
    dim: Dim, weights: Iterable[str], tensors: Mapping[str, Tensor], ties: Ties
) -> Tensor:
    """Return the importance of each position of a dim, ``[size]``.

    The L2 norm of the weights that give a channel and of those that read it (Li et al., "Pruning
    filters for efficient ConvNets", 2017), each layer scaled to mean 1, so that no layer of the
    group outvotes the others by the size of its weights.

    Args:
        dim: Not bound.
        weights: Names of the layers' weights.
        tensors: By the graph's names.
        ties: Of the network.
    """
    total = torch.zeros(dim.size)
    for name in weights:
        for number, axis in enumerate(ties.tensors[name]):
            owners = owner(axis, dim.number)
            if bool((owners < 0).all()):
                continue
            squares = tensors[name].float().square().movedim(number, 0).flatten(1).sum(1)
            norms = (
                torch.zeros(dim.size).index_add(0, owners[owners >= 0], squares[owners >= 0]).sqrt()
            )
            total += norms / norms.mean().clamp_min(1e-12)
    return total


def owner(axis: Axis, number: int) -> Tensor:
    """Return for each position of an axis to which of a dim it belongs, -1 if none, ``[size]``."""
    match axis:
        case Dim() if axis.number == number:
            return torch.arange(axis.size)
        case Plain() | Dim():
            return torch.full((axis.size,), -1)
        case Joined():
            return torch.cat([owner(part, number) for part in axis.parts])
        case Product():
            found = torch.full((1,), -1)
            for part in axis.parts:
                inner = owner(part, number)
                found = torch.where(inner >= 0, inner, found[:, None]).flatten()
            return found
