"""Weights that are computed from parameters alone become parameters themselves.

A layer that standardizes its weights, or scales them by a gain, computes the same weights for every
input as long as nothing is trained. They are computed once, when the network is traced: the network
is the same function, and from there on it is trained, pruned and rounded as one with plain weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from tightfit.spaces.exported_nodes import base_of, is_written, path_of

_COMPUTABLE: Mapping[str, tuple[str, ...]] = {
    "conv2d": ("", "weight", "bias"),
    "conv_transpose2d": ("", "weight", "bias"),
    "linear": ("", "weight"),
}
"""By operator, the roles of its arguments by position. The bias of a linear layer may also be
computed from activations: it is a sum behind it."""


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
    }
    values = {root: reader.value(root) for root in roots if reader.only_for(root, {*roots})}
    for root, value in values.items():
        sources = reader.sources(root)
        partners = [other for other in roots if not sources.isdisjoint(reader.sources(other))]
        if not all(each in values and torch.equal(values[each], value) for each in partners):
            continue
        alike = [each for each in sources if each.meta["val"].shape == value.shape]
        same = [found.names[each.name] for each in partners if each.name in found.names]
        if len(alike) == 1:
            name = names[alike[0].name]
        elif same:
            name = same[0]
        else:
            name = _free(roots[root], {*names.values(), *found.tensors})
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

    @torch.no_grad()
    def value(self, node: fx.Node) -> Any:
        """Return what a node that depends on no input gives."""
        if node not in self._values:
            args: Any = fx.map_arg(node.args, self.value)
            kwargs: Any = fx.map_arg(node.kwargs, self.value)
            assert callable(node.target)
            self._values[node] = node.target(*args, **kwargs)
        return self._values[node]
