"""Which channels of a group matter least: one function for each criterion, in the table at the end.

Each returns the importance of every position of a group, ``[width]``; the least important ones are
removed first. Where several layers give a group's channels, or read them, each layer's values are
scaled to mean 1 before they are added, so that none outvotes the others by the size of its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Graph, SpecError
from tightfit.spaces.evidence import Observations, Side
from tightfit.spaces.sites import ChannelGroup, Layer
from tightfit.spaces.ties import Ties, owner

_NORMS = frozenset({"batch_norm", "layer_norm", "rms_norm", "group_norm"})
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class View:
    """What a criterion may look at.

    Attributes:
        graph: Of the baseline.
        tensors: Of the baseline, by the graph's names.
        layers: By name.
        ties: Of the baseline.
        observations: Of the baseline on pictures.
    """

    graph: Graph
    tensors: Mapping[str, Tensor]
    layers: Mapping[str, Layer]
    ties: Ties
    observations: Observations

    def slices(self, group: ChannelGroup) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each weight that has the group, its axis first, and which position owns each row.

        The weights are ``[rows, ...]``, the owners ``[rows]``, -1 where a row is none of the group.
        """
        names = (*group.producers, *group.consumers)
        for name in dict.fromkeys(self.layers[each].node.parameters["weight"] for each in names):
            for number, axis in enumerate(self.ties.tensors[name]):
                owners = owner(axis, group.dim.number)
                if bool((owners >= 0).any()):
                    yield self.tensors[name].float().movedim(number, 0).flatten(1), owners

    def filters(self, group: ChannelGroup) -> Iterator[Tensor]:
        """Yield for each layer that gives the group its filters, ``[width, weights]``."""
        for name in group.producers:
            layer = self.layers[name]
            axis = layer.axes(self.ties)[0]
            weight = self.tensors[layer.node.parameters["weight"]].float()
            rows = weight.transpose(0, 1) if layer.node.operator == "conv_transpose" else weight
            yield _rows(rows.flatten(1), owner(axis, group.dim.number), group.width)

    def gains(self, group: ChannelGroup) -> Iterator[Tensor]:
        """Yield the size of each normalization's factors of the group, ``[width]``."""
        for node in self.graph.nodes:
            name = node.parameters.get("weight", "")
            if node.operator not in _NORMS or not name:
                continue
            for axis in self.ties.tensors[name]:
                owners = owner(axis, group.dim.number)
                if bool((owners >= 0).any()):
                    yield _added(self.tensors[name].float().abs().flatten(), owners, group.width)

    def sides(self, group: ChannelGroup) -> list[Side]:
        """Return where the group's channels are read, or given where no layer reads them.

        A depthwise layer passes channels on; what reads them behind it counts.
        """
        readers = [name for name in group.consumers if not self.layers[name].depthwise]
        if readers:
            return [Side(name, reads=True) for name in readers]
        return [Side(name, reads=False) for name in group.producers]

    def owners_of_values(self, side: Side, group: ChannelGroup) -> Tensor:
        """Return to which position of the group each channel belongs, ``[channels]``."""
        node = self.layers[side.layer].node
        axes = self.ties.values[node.inputs[0] if side.reads else node.name]
        return owner(axes[-1 if node.operator == "linear" else 1], group.dim.number)

    def owners_of_weights(self, side: Side, group: ChannelGroup) -> Tensor:
        """Return to which position each row of the side's weights belongs, ``[rows]``."""
        return owner(self.layers[side.layer].axes(self.ties)[int(side.reads)], group.dim.number)


def l1(view: View, group: ChannelGroup) -> Tensor:
    """Sum of absolute weights (Li et al., "Pruning filters for efficient ConvNets", 2017)."""
    return _scaled_sum(
        _added(rows.abs().sum(1), owners, group.width) for rows, owners in view.slices(group)
    )


def l2(view: View, group: ChannelGroup) -> Tensor:
    """Euclidean length of the weights that give a channel, and of those that read it.

    As in dependency graphs (Fang et al., "DepGraph: towards any structural pruning", 2023).
    """
    return _scaled_sum(
        _added(rows.square().sum(1), owners, group.width).sqrt()
        for rows, owners in view.slices(group)
    )


def norm_scale(view: View, group: ChannelGroup) -> Tensor:
    """Factor of the normalization (Liu et al., "Learning efficient ConvNets through network
    slimming", 2017); a group that no normalization scales is ordered by `l2`.
    """
    gains = list(view.gains(group))
    return _scaled_sum(iter(gains)) if gains else l2(view, group)


def taylor(view: View, group: ChannelGroup) -> Tensor:
    """Squared change of the loss without the channel, to first order, the mean over batches
    (Molchanov et al., "Importance estimation for neural network pruning", 2019).
    """
    first_order = view.observations.first_order
    total: Tensor | None = None
    for side in view.sides(group):
        owners = view.owners_of_weights(side, group)
        part = torch.stack([_added(row, owners, group.width) for row in first_order[side]])
        total = part if total is None else total + part
    assert total is not None  # a group has a layer that gives it
    return total.square().mean(0)


def geometric_median(view: View, group: ChannelGroup) -> Tensor:
    """Euclidean distance to all other filters of the layer (He et al., "Filter pruning via
    geometric median", 2019): what lies amid the others can be replaced by them. A filter of nothing
    but zeros needs no replacement.
    """
    return _scaled_sum(torch.cdist(rows, rows).sum(1) * rows.any(1) for rows in view.filters(group))


def cosine(view: View, group: ChannelGroup) -> Tensor:
    """Angle to all other filters of the layer, as 1 minus the cosine: their directions alone count
    (Ayinde et al., "Redundant feature pruning for accelerated inference in deep neural networks",
    2019). A filter of nothing but zeros has no direction, and is the least important.
    """
    return _scaled_sum(_angles(rows) * rows.any(1) for rows in view.filters(group))


def hamming(view: View, group: ChannelGroup) -> Tensor:
    """Hamming distance to all other channels between the signs of their activations: which fire on
    the same places tell the same. The binary codes are those of Mellor et al. ("Neural architecture
    search without training", 2021), compared between channels in place of pictures. What is zero in
    all places tells nothing.
    """
    signs = view.observations.signs
    each = (
        _rows(signs[side], view.owners_of_values(side, group), group.width)
        for side in view.sides(group)
    )
    return _scaled_sum(_disagreements((rows > 0).float()) * rows.any(1) for rows in each)


Criterion: TypeAlias = Callable[[View, ChannelGroup], Tensor]

CRITERIA: Mapping[str, Criterion] = {
    "l2": l2,
    "l1": l1,
    "norm_scale": norm_scale,
    "taylor": taylor,
    "geometric_median": geometric_median,
    "cosine": cosine,
    "hamming": hamming,
}
"""By the name that a study gives it."""


class Importance:
    """Orders the positions of groups, most important first, each once and when first asked."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._orders: dict[tuple[str, str], Tensor] = {}

    def check(self, criterion: str) -> None:
        """Refuse a criterion that this network has nothing for.

        Raises:
            SpecError: The criterion is the scale of norms, and no norm scales anything.
        """
        scaled = any(
            node.operator in _NORMS and "weight" in node.parameters
            for node in self._view.graph.nodes
        )
        if criterion == "norm_scale" and not scaled:
            raise SpecError(
                "the criterion 'norm_scale' needs normalizations with factors, and this network "
                "has none; take 'l2' or another criterion"
            )

    def order(self, criterion: str, group: ChannelGroup) -> Tensor:
        """Return the positions of a group, most important first, ``[width]``.

        Raises:
            SpecError: The criterion looks at pictures, and there are none.
        """
        key = (criterion, group.name)
        if key not in self._orders:
            scores = CRITERIA[criterion](self._view, group)
            self._orders[key] = torch.argsort(scores, descending=True, stable=True)
        return self._orders[key]


def _angles(rows: Tensor) -> Tensor:
    """Return the sum of 1 minus the cosine between rows ``[n, m]`` and all rows, ``[n]``."""
    unit = F.normalize(rows, dim=1)
    return (1 - unit @ unit.T).clamp_min(0).sum(1)


def _disagreements(signs: Tensor) -> Tensor:
    """Return the sum of Hamming distances of rows ``[n, m]`` to all other rows, ``[n]``."""
    on = signs.sum(1)
    return (on[:, None] + on[None, :] - 2 * signs @ signs.T).sum(1)


def _added(values: Tensor, owners: Tensor, width: int) -> Tensor:
    """Add up the values ``[rows]`` of each position."""
    mine = owners >= 0
    return torch.zeros(width, dtype=values.dtype).index_add(0, owners[mine], values[mine])


def _rows(values: Tensor, owners: Tensor, width: int) -> Tensor:
    """Put the rows ``[rows, m]`` of each position side by side, ``[width, rows of each * m]``."""
    order = torch.argsort(owners, stable=True)[int((owners < 0).sum()) :]
    return values[order].reshape(width, -1)


def _scaled_sum(parts: Iterator[Tensor]) -> Tensor:
    return torch.stack([part / part.mean().clamp_min(_TINY) for part in parts]).sum(0)
