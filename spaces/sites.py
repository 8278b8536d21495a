"""What can be compressed in a network: its layers, and its groups of tied channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from tightfit import WEIGHT_OPERATORS, Graph, Node
from tightfit.spaces.axes import Axis, Dim, Product, dims
from tightfit.spaces.settings import Grouping
from tightfit.spaces.shapes import Shape, elements
from tightfit.spaces.stages import stages
from tightfit.spaces.ties import Ties, owner

NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Layer:
    """A node with weights.

    Attributes:
        node: In the baseline's graph.
        stage: ``stage1``, ..., ``head``.
        shape: Of its weights.
        constant: Whether its result is the same for every picture, e.g. that of a position table.
        shared: Whether something else reads its weights too: another layer, or an operator that
            takes them as a value.
    """

    node: Node
    stage: str
    shape: tuple[int, ...]
    constant: bool = False
    shared: bool = False

    @property
    def name(self) -> str:
        """The path of its module."""
        return self.node.name

    @property
    def dense(self) -> bool:
        """Whether every output channel reads every input channel."""
        return self.node.integer("groups", 1) == 1

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of its filters."""
        return (self.shape[2], self.shape[3]) if len(self.shape) == 4 else (1, 1)

    def axes(self, ties: Ties) -> tuple[Axis, Axis]:
        """Return the axes of its weights' outputs and inputs."""
        first, second = ties.tensors[self.node.parameters["weight"]][:2]
        return (second, first) if self.node.operator == "conv_transpose" else (first, second)

    @property
    def depthwise(self) -> bool:
        """Whether every channel has one filter of its own, and stays what it was."""
        return (
            self.node.operator == "conv"
            and self.shape[1] == 1
            and self.shape[0] == self.node.integer("groups", 1)
            and self.shape[0] > 1
        )


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are removed together.

    Attributes:
        dim: Of the ties.
        name: The path of the first layer that gives them; `.heads`, `.head_dim` or `.groups` behind
            it where they are a part of its channels.
        stage: Of that layer.
        multiplicity: How many of the layer's channels go with each of them.
        producers: Layers whose outputs they are, in execution order.
        consumers: Layers that read them.
    """

    dim: Dim
    name: str
    stage: str
    multiplicity: int
    producers: tuple[str, ...]
    consumers: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many there are in the baseline."""
        return self.dim.size


@dataclass(frozen=True, slots=True)
class Sites:
    """Everything that can be compressed, and what cannot, with the reason.

    Attributes:
        layers: In execution order.
        groups: Of channels.
        frozen: By name of a layer that keeps all of its channels, or of a node without a rule, why.
    """

    layers: tuple[Layer, ...]
    groups: tuple[ChannelGroup, ...]
    frozen: tuple[tuple[str, str], ...]


def find_sites(
    graph: Graph, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape], ties: Ties
) -> Sites:
    """Return the layers and channel groups of a traced network."""
    nodes = [node for node in graph.nodes if node.operator in WEIGHT_OPERATORS]
    stage, uses = stages([node.name for node in nodes], ties), graph.uses()
    layers = tuple(
        Layer(
            node,
            stage[node.name],
            tuple(tensors[node.parameters["weight"]].shape),
            constant=not elements(shapes[node.name]),
            shared=uses[node.parameters["weight"]] > 1,
        )
        for node in nodes
    )
    groups = _groups(layers, ties)
    whole = ((layer.name, _why_whole(layer, ties)) for layer in layers)
    frozen = ((name, reason) for name, reason in whole if reason is not None)
    recorded = (
        (node.name, str(node.attributes["reason"]))
        for node in graph.nodes
        if "reason" in node.attributes
    )
    return Sites(layers, groups, (*frozen, *recorded))


def _why_whole(layer: Layer, ties: Ties) -> str | None:
    """Return why no channel of a layer can go, ``None`` where some can."""
    outer, inner = layer.axes(ties)
    # The outer axis of a transposed convolution in groups is that of one group.
    grouped_back = layer.node.operator == "conv_transpose" and not layer.dense
    numbers = [dim.number for axis in (outer, inner)[: 1 + grouped_back] for dim in dims(axis)]
    if any(number not in ties.frozen for number in numbers):
        return None
    if numbers:
        return ties.frozen[numbers[0]]
    if outer.size == 1:
        return "it gives a single channel"
    return "its channels are tied to positions that stay"


def _groups(layers: Sequence[Layer], ties: Ties) -> tuple[ChannelGroup, ...]:
    producers: dict[Dim, list[Layer]] = {}
    consumers: dict[Dim, list[Layer]] = {}
    groups: list[ChannelGroup] = []
    for layer in layers:
        outer, inner = layer.axes(ties)
        # A depthwise layer passes its input's channels on; it opens none and is not their source.
        gives = consumers if layer.depthwise else producers
        for dim in dict.fromkeys(dims(outer)):
            gives.setdefault(dim, []).append(layer)
        for dim in dict.fromkeys(dims(inner)):
            consumers.setdefault(dim, []).append(layer)
    names = _names(producers, ties)
    for dim, sources in producers.items():
        if dim.number in ties.frozen:
            continue
        groups.append(
            ChannelGroup(
                dim=dim,
                name=names[dim],
                stage=sources[0].stage,
                multiplicity=min(multiplicity(each.axes(ties)[0], dim) for each in sources),
                producers=tuple(layer.name for layer in sources),
                consumers=tuple(dict.fromkeys(layer.name for layer in consumers.get(dim, ()))),
            )
        )
    return tuple(groups)


def multiplicity(axis: Axis, dim: Dim) -> int:
    """Return how many positions of an axis go with each position of a dim."""
    return int((owner(axis, dim.number) >= 0).sum()) // dim.size


def _names(producers: Mapping[Dim, Sequence[Layer]], ties: Ties) -> dict[Dim, str]:
    """Name each group after its first layer, and those of one layer after their part in it."""
    by_layer: dict[str, list[Dim]] = {}
    for dim, sources in producers.items():
        if dim.number not in ties.frozen:
            by_layer.setdefault(sources[0].name, []).append(dim)
    found: dict[Dim, str] = {}
    for layer, members in by_layer.items():
        outer = producers[members[0]][0].axes(ties)[0]
        attends = any(dim.number in ties.heads for dim in members)
        for dim in members:
            if dim == outer:
                found[dim] = layer
                continue
            part = "head_dim" if attends else _part(outer, dim)
            if dim.number in ties.heads:
                part = "heads"
            name, count = f"{layer}.{part}", 1
            while name in found.values():
                count += 1
                name = f"{layer}.{part}{count}"
            found[dim] = name
    return found


def _part(outer: Axis, dim: Dim) -> str:
    """Return what a part of a layer's channels is: groups count slowest in a product."""
    if isinstance(outer, Product):
        return "groups" if outer.parts[0] == dim else "group_width"
    return "part"


def grouped(
    members: Sequence[Layer] | Sequence[ChannelGroup], per: Grouping
) -> dict[str, list[str]]:
    """Return by name of a site the names of what shares its hparam, in execution order."""
    result: dict[str, list[str]] = {}
    for member in members:
        site = {"layer": member.name, "stage": member.stage, "network": NETWORK}[per]
        result.setdefault(site, []).append(member.name)
    return result
