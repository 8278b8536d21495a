"""New weights for a network of any shape: what a comparison with training from scratch needs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.network import Network

_TOKENS = 0.02
"""Deviation of class tokens and position tables, as in Dosovitskiy et al. (2021)."""

_SLOPE = 0.25
"""Of a PReLU, as in He et al. (2015)."""

_LAYOUTS = frozenset({"reshape", "flatten", "permute", "expand"})
"""Operators behind which a value is what it was."""


def fresh(network: Network, seed: int) -> Network:
    """Return a network of the same shape with new weights.

    Layers begin as in He et al. (2015), without biases; norms, gains and gates change nothing at
    first, and what is added is near zero.
    """
    generator = torch.Generator().manual_seed(seed)
    tensors = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trainable = frozenset(name for name, _ in network.named_parameters())
    factors = _factors(network.graph)
    for node in network.graph.nodes:
        for role, name in node.parameters.items():
            if role == "value" and name in factors & trainable:
                tensors[name] = torch.ones_like(tensors[name])
            elif name in trainable or node.operator == "batch_norm":
                tensors[name] = _initial(node, role, tensors[name], generator)
    return Network(
        network.graph,
        tensors,
        trainable=trainable,
        input_shape=network.input_shape,
        rounding=network.rounding,
    ).eval()


def _factors(graph: Graph) -> frozenset[str]:
    """Return the names of values that others are multiplied by or divided by: gains, gates."""
    of = {
        node.name: frozenset(node.parameters.values())
        for node in graph.nodes
        if node.operator == "parameter"
    }
    found: set[str] = set()
    for node in graph.nodes:
        read = frozenset[str]().union(*(of.get(name, frozenset()) for name in node.inputs))
        if node.operator in _LAYOUTS:
            of[node.name] = read
        elif node.operator in ("mul", "div"):
            found |= read
    return frozenset(found)


def _initial(node: Node, role: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    if node.operator in ("batch_norm", "layer_norm", "rms_norm", "group_norm"):
        return torch.ones_like(tensor) if role in ("weight", "running_var") else tensor * 0
    if node.operator == "prelu":
        return torch.full_like(tensor, _SLOPE)
    if role == "bias":
        return torch.zeros_like(tensor)
    if role == "value":
        return torch.randn(tuple(tensor.shape), generator=generator).mul(_TOKENS)
    if role != "weight":
        return tensor
    # He et al. (2015): variance 2 / fan-in keeps the scale through ReLUs.
    deviation = (2 / _fan_in(node, tensor)) ** 0.5
    return torch.randn(tuple(tensor.shape), generator=generator).mul(deviation)


def _fan_in(node: Node, weight: Tensor) -> float:
    """Return how many products a number of the output is the sum of, on average."""
    if node.operator != "conv_transpose":
        return weight[0].numel()
    # Its stride spreads the inputs over so many places more.
    return weight[:, 0].numel() / (node.integer("groups", 1) * math.prod(node.integers("stride")))
