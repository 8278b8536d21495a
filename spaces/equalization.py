"""Channels between two layers brought to like ranges, before anything is rounded.

Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019,
section 4.1. What a layer and its norm give in a channel is divided by a factor, and the weights
that read the channel are multiplied by it: exact where only operators stand between that commute
with positive factors. Weights have a step for each output channel here, so it is not the first
layer's weights that gain but the activation, which has one step for all channels, and the second
layer's inputs. How far an activation goes in each channel is known where a batch norm makes it;
pairs without one are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.folding import folded_norms

HOMOGENEOUS = frozenset({"relu", "leaky_relu", "max_pool", "avg_pool", "adaptive_avg_pool",
                         "mean", "dropout", "flatten"})  # fmt: skip
"""Operators that commute with a positive factor for each channel; a mean, if not over channels."""

_MOST = 8.0
"""Factors lie in 1/8..8: a channel that hardly ever fires should not rule its readers' weights."""
_DEVIATIONS = 3.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two layers with one activation between them that nothing else reads."""

    first: Node
    norm: Node
    second: Node


@dataclass(frozen=True, slots=True)
class _Reader:
    """What reads channels behind operators that commute with factors.

    Attributes:
        node: The sole reader.
        rank: How many axes it reads; the channels are the second one.
    """

    node: Node
    rank: int


def equalized(
    graph: Graph, tensors: Mapping[str, Tensor], layers: Collection[str]
) -> dict[str, Tensor]:
    """Return ``tensors`` of the same function with evened channels in front of ``layers``.

    Args:
        graph: Without quantization.
        tensors: By the graph's names; left as they are.
        layers: Names of those that will be quantized.
    """
    found = dict(tensors)
    for pair in pairs(graph, found):
        if pair.second.name in layers:
            _equalize(pair, found)
    return found


def pairs(graph: Graph, tensors: Mapping[str, Tensor]) -> Iterator[Pair]:
    """Give the pairs whose factors change nothing."""
    consumers, norms, uses = graph.consumers(), folded_norms(graph), graph.uses()
    for first in graph.nodes:
        if first.operator not in ("conv", "linear"):
            continue
        norm = norms.get(first.name)
        if norm is None or not {"weight", "bias"} <= norm.parameters.keys():
            continue
        found = _reader(first, norm, graph, consumers)
        if found is None or found.node.operator not in ("conv", "linear"):
            continue
        second = found.node
        names = [name for node in (norm, second) for name in node.parameters.values()]
        shared = any(uses[name] > 1 for name in names)
        if not shared and _fit(first, found, tensors):
            yield Pair(first, norm, second)


def _reader(
    first: Node, norm: Node, graph: Graph, consumers: Mapping[str, list[Node]]
) -> _Reader | None:
    """Return the sole reader of a norm behind homogeneous operators, ``None`` where others read."""
    node, rank = norm, 4 if first.operator == "conv" else 2
    while True:
        readers = consumers[node.name]
        if len(readers) != 1 or node.name in graph.outputs:
            return None
        node = readers[0]
        if node.operator not in HOMOGENEOUS:
            return _Reader(node, rank)
        if node.operator == "flatten":
            rank = node.integer("start") + 1
        elif node.operator == "mean":
            axes = {axis % rank for axis in node.integers("axes")}
            if 1 in axes:
                return None
            rank -= 0 if node.integer("keepdim") else len(axes)


def _fit(first: Node, second: _Reader, tensors: Mapping[str, Tensor]) -> bool:
    """Whether the channels of one are the inputs of the other, one by one or place by place."""
    channels = len(tensors[first.parameters["weight"]])
    weight = tensors[second.node.parameters["weight"]]
    if second.node.operator == "linear":
        # It reads the last axis.
        return second.rank == 2 and weight.shape[1] % channels == 0
    groups = second.node.integer("groups", 1)
    depthwise = groups == channels == len(weight)
    return depthwise or (groups == 1 and weight.shape[1] == channels)


def _equalize(pair: Pair, tensors: dict[str, Tensor]) -> None:
    names = pair.second.parameters
    weight = tensors[names["weight"]]
    depthwise = pair.second.operator == "conv" and pair.second.integer("groups", 1) > 1
    channels = len(tensors[pair.first.parameters["weight"]])
    # A linear layer behind a flattened map reads each channel at several places.
    parts = weight if depthwise else weight.transpose(0, 1).reshape(channels, -1)
    factor = factors(_reach(pair, tensors), parts.abs().flatten(1).amax(1))
    for role in ("weight", "bias"):
        name = pair.norm.parameters[role]
        tensors[name] = tensors[name] / factor
    if depthwise:
        tensors[names["weight"]] = weight * factor.reshape(-1, *(1,) * (weight.dim() - 1))
    else:
        by_input = factor.repeat_interleave(weight.shape[1] // channels)
        tensors[names["weight"]] = weight * by_input.reshape(1, -1, *(1,) * (weight.dim() - 2))


def factors(reach: Tensor, weights: Tensor) -> Tensor:
    """Return what makes both ranges of each channel alike, ``[C]``, of geometric mean one.

    Args:
        reach: How far each channel goes, ``[C]``.
        weights: The largest weight that reads it, ``[C]``.
    """
    used = (reach > 0) & (weights > 0)
    logs = torch.zeros_like(reach)
    logs[used] = (reach[used].log() - weights[used].log()) / 2
    if bool(used.any()):
        logs[used] -= logs[used].mean()
    return logs.exp().clamp(1 / _MOST, _MOST)


def _reach(pair: Pair, tensors: Mapping[str, Tensor]) -> Tensor:
    """Return how far each channel goes, by the mean and the deviation that its norm gives it."""
    gain, shift = (tensors[pair.norm.parameters[role]] for role in ("weight", "bias"))
    return (shift + _DEVIATIONS * gain.abs()).clamp_min(0)
