"""What can be compressed in a network: its layers, and its groups of tied channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from tightfit import WEIGHT_OPERATORS, Graph, Node
from tightfit.spaces.settings import Grouping
from tightfit.spaces.shapes import Shape, stages
from tightfit.spaces.ties import Ties, is_depthwise

NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Layer:
    """A node with weights.

    Attributes:
        node: In the baseline's graph.
        stage: ``stage1``, ..., ``head``.
        shape: Of its weights.
    """

    node: Node
    stage: str
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """The path of its module."""
        return self.node.name

    @property
    def dense(self) -> bool:
        """Whether every output channel reads every input channel."""
        return self.node.integer("groups", 1) == 1

    @property
    def depthwise(self) -> bool:
        """Whether every channel has one filter of its own, and stays what it was."""
        return is_depthwise(self.node, self.shape)


@dataclass(frozen=True, slots=True)
class ChannelGroup:
    """Channels that are removed together.

    Attributes:
        number: In the ties.
        name: The path of the first layer that gives them.
        stage: Of that layer.
        width: Channels in the baseline.
        producers: Layers whose outputs they are, in execution order.
        consumers: Layers that read them.
    """

    number: int
    name: str
    stage: str
    width: int
    producers: tuple[str, ...]
    consumers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sites:
    """Everything that can be compressed, and what cannot, with the reason."""

    layers: tuple[Layer, ...]
    groups: tuple[ChannelGroup, ...]
    frozen: tuple[tuple[str, str], ...]


def find_sites(
    graph: Graph, tensors: Mapping[str, Tensor], shapes: Mapping[str, Shape], ties: Ties
) -> Sites:
    """Return the layers and channel groups of a traced network."""
    nodes = [node for node in graph.nodes if node.operator in WEIGHT_OPERATORS]
    stage = stages(dict(shapes), [node.name for node in nodes])
    layers = tuple(
        Layer(node, stage[node.name], tuple(tensors[node.parameters["weight"]].shape))
        for node in nodes
    )
    producers: dict[int, list[Layer]] = {}
    consumers: dict[int, list[str]] = {}
    for layer in layers:
        # A depthwise layer passes its input's channels on; it opens none and is not their source.
        if not layer.depthwise:
            for segment in ties.rows[layer.name]:
                producers.setdefault(segment.group, []).append(layer)
        for segment in ties.rows[layer.node.inputs[0]]:
            consumers.setdefault(segment.group, []).append(layer.name)
    groups, frozen = [], []
    for number, sources in producers.items():
        if number in ties.frozen:
            frozen.append((sources[0].name, ties.frozen[number]))
            continue
        width = next(s.width for s in ties.rows[sources[0].name] if s.group == number)
        groups.append(
            ChannelGroup(
                number=number,
                name=sources[0].name,
                stage=sources[0].stage,
                width=width,
                producers=tuple(layer.name for layer in sources),
                consumers=tuple(dict.fromkeys(consumers.get(number, ()))),
            )
        )
    return Sites(layers, tuple(groups), tuple(frozen))


def grouped(
    members: Sequence[Layer] | Sequence[ChannelGroup], per: Grouping
) -> dict[str, list[str]]:
    """Return by name of a site the names of what shares its hparam, in execution order."""
    result: dict[str, list[str]] = {}
    for member in members:
        site = {"layer": member.name, "stage": member.stage, "network": NETWORK}[per]
        result.setdefault(site, []).append(member.name)
    return result
