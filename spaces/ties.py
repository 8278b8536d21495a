"""Which channels hang together: what is removed here must be removed there.

Every activation's channels are a row of segments; a segment belongs to a group, and a group is
pruned as one. A layer opens a group; sums and products tie groups together; concatenation puts
rows behind each other. What cannot be followed is frozen, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.shapes import Shape


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of channels of one group.

    Attributes:
        group: Number of the group.
        width: Channels of the group in the baseline.
        repeat: How many numbers stand for one channel, side by side (behind a flatten).
    """

    group: int
    width: int
    repeat: int = 1


Row = tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Ties:
    """How the channels of a network hang together.

    Attributes:
        rows: By name of input or node, the channels of its output.
        frozen: By group that must stay whole, the reason.
        whole: Nodes whose parameters stay whole, and are not counted by the rows around them.
    """

    rows: Mapping[str, Row]
    frozen: Mapping[int, str]
    whole: frozenset[str] = frozenset()

    def kept(self, name: str, kept: Mapping[int, Tensor]) -> Tensor:
        """Return the positions that stay in the channel axis of an activation, ``[kept]``.

        Args:
            name: Of an input or node.
            kept: By group, the channels that stay, in order; whole where it is not named.
        """
        parts, start = [], 0
        for segment in self.rows[name]:
            channels = kept.get(segment.group, torch.arange(segment.width))
            inner = torch.arange(segment.repeat)
            parts.append(start + (channels[:, None] * segment.repeat + inner).flatten())
            start += segment.width * segment.repeat
        return torch.cat(parts)


def find_ties(graph: Graph, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> Ties:
    """Follow the channels through the graph.

    Args:
        graph: Traced.
        tensors: By the graph's names; only their shapes are read.
        shapes: Of every activation, without the batch axis.
    """
    return _Follower(tensors, shapes).follow(graph)


_SAME = frozenset(
    {
        "batch_norm", "relu", "hardswish", "hardsigmoid", "sigmoid", "silu", "tanh", "gelu", "clip",
        "leaky_relu", "max_pool", "avg_pool", "adaptive_avg_pool", "upsample", "dropout",
    }
)  # fmt: skip


class _Follower:
    def __init__(self, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape]) -> None:
        self._tensors = tensors
        self._shapes = shapes
        self._parent: list[int] = []
        self._frozen: dict[int, str] = {}
        self._rows: dict[str, Row] = {}
        self._whole: set[str] = set()
        self._shared: set[str] = set()

    def follow(self, graph: Graph) -> Ties:
        self._shared = shared_tensors(graph)
        for name in graph.inputs:
            self._rows[name] = self._open(self._shapes[name][0])
            self._freeze(self._rows[name], "it is the network's input")
        for node in graph.nodes:
            self._rows[node.name] = self._row(node)
        for name in graph.outputs:
            self._freeze(self._rows[name], "it is the network's output")
        rows = {name: tuple(self._settled(s) for s in row) for name, row in self._rows.items()}
        frozen: dict[int, str] = {}
        for group, reason in self._frozen.items():
            frozen.setdefault(self._root(group), reason)
        return Ties(rows, frozen, frozenset(self._whole))

    def _row(self, node: Node) -> Row:
        rows = [self._rows[name] for name in node.inputs]
        if not self._shared.isdisjoint(node.parameters.values()):
            return self._stop(node, f"{node.name!r} shares its weights with another call of them")
        match node.operator:
            case "conv" if node.attributes["groups"] != 1:
                return self._grouped(node, rows[0])
            case "linear" if len(self._shapes[node.name]) > 1:
                return self._stop(node, f"{node.name!r} is a linear layer over several positions")
            case "conv" | "linear":
                return self._open(len(self._tensors[node.parameters["weight"]]))
            case "conv_transpose" if node.attributes["groups"] == 1:
                return self._open(self._tensors[node.parameters["weight"]].shape[1])
            case "add" | "sub" | "mul" | "div":
                return self._tie(rows, node)
            case "cat" if self._channel_axis(node):
                return tuple(segment for row in rows for segment in row)
            case "flatten" if node.attributes["start"] == 1:
                return self._flatten(node, rows[0])
            case "mean" if self._spatial_mean(node):
                return rows[0]
            case "permute" | "slice" | "softmax" | "reshape" if _keeps_channels(node):
                return rows[0]
            case operator if operator in _SAME:
                return rows[0]
        return self._stop(node, f"{node.name!r} ({node.operator}) has no rule for channels")

    def _stop(self, node: Node, reason: str) -> Row:
        """Freeze what a node reads and gives, and leave its parameters whole."""
        for name in node.inputs:
            self._freeze(self._rows[name], reason)
        row = self._open(self._shapes[node.name][0] if self._shapes[node.name] else 1)
        self._freeze(row, reason)
        if node.parameters:
            self._whole.add(node.name)
        return row

    def _grouped(self, node: Node, row: Row) -> Row:
        weight = self._tensors[node.parameters["weight"]]
        if is_depthwise(node, weight.shape):
            return row
        result = self._open(len(weight))
        for each in (row, result):
            self._freeze(each, f"{node.name!r} is a grouped convolution that is not depthwise")
        return result

    def _tie(self, rows: list[Row], node: Node) -> Row:
        if len(rows) == 1:
            return rows[0]
        if len({len(self._shapes[name]) for name in node.inputs}) > 1:
            return self._stop(node, f"{node.name!r} joins values of different axes")
        first, second = rows
        if sum(s.width * s.repeat for s in second) == 1:
            return first
        if sum(s.width * s.repeat for s in first) == 1:
            return second
        if [(s.width, s.repeat) for s in first] != [(s.width, s.repeat) for s in second]:
            return self._stop(node, f"{node.name!r} joins channels that are grouped differently")
        for a, b in zip(first, second, strict=True):
            self._parent[self._root(b.group)] = self._root(a.group)
        return first

    def _flatten(self, node: Node, row: Row) -> Row:
        places = 1
        for side in self._shapes[node.inputs[0]][1:]:
            places *= side
        return tuple(Segment(s.group, s.width, s.repeat * places) for s in row)

    def _channel_axis(self, node: Node) -> bool:
        axis = node.integer("axis")
        return axis == 1 or axis == -len(self._shapes[node.name])

    def _spatial_mean(self, node: Node) -> bool:
        rank = len(self._shapes[node.inputs[0]]) + 1
        axes = {axis % rank for axis in node.attributes["axes"]}  # type: ignore[union-attr]
        return axes.isdisjoint({0, 1})

    def _open(self, width: int) -> Row:
        self._parent.append(len(self._parent))
        return (Segment(len(self._parent) - 1, width),)

    def _freeze(self, row: Row, reason: str) -> None:
        for segment in row:
            self._frozen.setdefault(segment.group, reason)

    def _root(self, group: int) -> int:
        while self._parent[group] != group:
            group = self._parent[group]
        return group

    def _settled(self, segment: Segment) -> Segment:
        return Segment(self._root(segment.group), segment.width, segment.repeat)


def is_depthwise(node: Node, weight: Sequence[int]) -> bool:
    """Whether a node is a convolution with one filter for each channel.

    Args:
        node: Of any operator.
        weight: The shape of its weights.
    """
    return (
        node.operator == "conv"
        and weight[1] == 1
        and weight[0] == node.integer("groups", 1)
        and weight[0] > 1
    )


def shared_tensors(graph: Graph) -> set[str]:
    """Return the names of tensors that several nodes use: of modules that are called twice."""
    seen: set[str] = set()
    shared: set[str] = set()
    for node in graph.nodes:
        names = set(node.parameters.values())
        shared |= names & seen
        seen |= names
    return shared


def _keeps_channels(node: Node) -> bool:
    """Whether a node that moves numbers leaves every channel where it is."""
    match node.operator:
        case "permute":
            return node.attributes["axes"][:2] == (0, 1)  # type: ignore[index]
        case "reshape":
            return node.attributes["shape"][:2] == (0, -1)  # type: ignore[index]
    return node.integer("axis") > 1
