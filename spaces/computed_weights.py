"""Weights that are computed from parameters alone become parameters themselves.

A layer that standardizes its weights, or scales them by a gain, computes the same weights for every
input as long as nothing is trained. They are computed once, when the network is traced: the network
is the same function, and from there on it is trained, pruned and rounded as one with plain weights.
So is each part of a parameter that several layers share out among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, fx

from tightfit.spaces.exported_nodes import base_of, is_written, path_of

_COMPUTABLE: Mapping[str, tuple[str, ...]] = {
    "conv2d": ("", "weight", "bias"),
    "conv_transpose2d": ("", "weight", "bias"),
    "linear": ("", "weight", "bias"),
}
"""By operator, the roles of its arguments by position."""

_ONLY_PARTS = ("linear", "bias")
"""It may be computed from anything, since it is a sum behind the layer; only as a part of a
parameter does it belong to the layer."""


@dataclass(slots=True)
class ComputedWeights:
    """The computed weights of one exported program.

    Attributes:
        names: By exported name of what computes a weight, the name that it has in the graph.
        tensors: By that name, the weight.
        sources: By that name, the names of the parameters that it was computed from.
        gone: Exported names of nodes that only compute weights.
    """

    names: dict[str, str] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


def computed_weights(program: Any, names: Mapping[str, str]) -> ComputedWeights:
    """Return the weights of a program that are computed from parameters which nothing else reads.

    What is tied to another layer, as the transposed weights of an autoencoder, is left alone.

    Args:
        program: Of :func:`torch.export.export`.
        names: By exported name, the names of parameters and buffers in the state dict.
    """
    found, reader = ComputedWeights(), _Reader(program, names)
    roots = {
        root: ".".join(filter(None, (path_of(node), role)))
        for node in program.graph.nodes
        for role, root in _weights(node)
        if root.op == "call_function" and root in reader.trained
        if (base_of(node), role) != _ONLY_PARTS or reader.part(root) is not None
    }
    values = {root: reader.value(root) for root in roots if reader.only_for(root, {*roots})}
    for root, value in values.items():
        sources = reader.sources(root)
        partners = [other for other in roots if not sources.isdisjoint(reader.sources(other))]
        if not values.keys() >= {*partners} or not reader.agree(partners):
            continue
        alike = [names[each.name] for each in sources if each.meta["val"].shape == value.shape]
        same = [found.names.get(each.name) for each in partners if reader.same(each, root)]
        named = [*(alike if len(alike) == 1 else []), *filter(None, same)]
        wanted = reader.part_name(root, partners, names) or roots[root]
        name = named[0] if named else _free(wanted, {*names.values(), *found.tensors})
        found.names[root.name] = name
        found.tensors[name] = value.detach().clone()
        found.sources[name] = tuple(sorted(names[each.name] for each in sources))
        found.gone |= {each.name for each in reader.behind(root) if each.op == "call_function"}
    return found


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"{name}_computed"
    return name


def _weights(node: fx.Node) -> Iterator[tuple[str, fx.Node]]:
    """Yield the weights of a layer by role."""
    for role, argument in zip(_COMPUTABLE.get(base_of(node), ()), node.args, strict=False):
        if role and isinstance(argument, fx.Node):
            yield role, argument


class _Reader:
    """Tells what the nodes of a program are computed from.

    Attributes:
        trained: Nodes that depend on parameters and on no input.
    """

    def __init__(self, program: Any, names: Mapping[str, str]) -> None:
        parameters = program.graph_signature.inputs_to_parameters
        state = {**program.state_dict, **program.constants}
        self._values: dict[fx.Node, Any] = {}
        self._parameters: set[fx.Node] = set()
        self.trained: set[fx.Node] = set()
        fixed: set[fx.Node] = set()
        for node in program.graph.nodes:
            if node.name in names:
                self._values[node] = state[names[node.name]].detach()
                fixed.add(node)
                if node.name in parameters:
                    self._parameters.add(node)
                    self.trained.add(node)
            elif node.op == "call_function" and {*node.all_input_nodes} <= fixed:
                fixed.add(node)
                if not self.trained.isdisjoint(node.all_input_nodes):
                    self.trained.add(node)

    def behind(self, root: fx.Node) -> set[fx.Node]:
        """Return a node and all others that it is computed from and that depend on parameters."""
        found, waiting = set(), [root]
        while waiting:
            node = waiting.pop()
            if node in self.trained and node not in found:
                found.add(node)
                waiting += node.all_input_nodes
        return found

    def sources(self, root: fx.Node) -> set[fx.Node]:
        """Return the parameters that a node is computed from."""
        return self.behind(root) & self._parameters

    def only_for(self, root: fx.Node, roots: set[fx.Node]) -> bool:
        """Whether what a weight is computed from is read for weights alone, and written by none."""
        inside = {each for other in roots for each in self.behind(other)}
        behind = self.behind(root)
        read = {reader for each in behind - roots for reader in each.users}
        layers = [reader for reader in root.users if root not in dict(_weights(reader)).values()]
        return read <= inside and not layers and not any(map(is_written, behind))

    def part(self, root: fx.Node) -> range | None:
        """Return which numbers of its only parameter a node gives, if it gives them as they are."""
        sources = self.sources(root)
        if len(sources) != 1 or any(map(is_written, self.behind(root))):
            return None
        value, (whole,) = self.value(root), map(self.value, sources)
        if not isinstance(value, Tensor) or not value.is_contiguous():
            return None
        if value.untyped_storage().data_ptr() != whole.untyped_storage().data_ptr():
            return None
        return range(value.storage_offset(), value.storage_offset() + value.numel())

    def part_name(
        self, root: fx.Node, others: Sequence[fx.Node], names: Mapping[str, str]
    ) -> str | None:
        """Return what a part of a parameter is called, ``None`` for what is no part among others.

        Args:
            root: Gives the part.
            others: Read the same parameter.
            names: By exported name, that of the parameter.
        """
        starts = sorted({part.start for each in others if (part := self.part(each)) is not None})
        own = self.part(root)
        if own is None or len(starts) < 2:
            return None
        (source,) = self.sources(root)
        return f"{names[source.name]}_part{1 + starts.index(own.start)}"

    def agree(self, roots: Sequence[fx.Node]) -> bool:
        """Whether any two nodes give the same, or parts of a parameter without a common number."""
        return all(self.same(*pair) or self._apart(*pair) for pair in combinations(roots, 2))

    def same(self, first: fx.Node, second: fx.Node) -> bool:
        """Whether two nodes give the same numbers, however these are trained."""
        parts = self.part(first), self.part(second)
        values = self.value(first), self.value(second)
        if None in parts:
            return torch.equal(*values)
        return parts[0] == parts[1] and values[0].shape == values[1].shape

    def _apart(self, first: fx.Node, second: fx.Node) -> bool:
        one, other = self.part(first), self.part(second)
        if one is None or other is None:
            return False
        return one.stop <= other.start or other.stop <= one.start

    @torch.no_grad()
    def value(self, node: fx.Node) -> Any:
        """Return what a node that depends on no input gives."""
        if node not in self._values:
            args: Any = fx.map_arg(node.args, self.value)
            kwargs: Any = fx.map_arg(node.kwargs, self.value)
            assert callable(node.target)
            self._values[node] = node.target(*args, **kwargs)
        return self._values[node]
