"""The mean error of rounding taken out of every channel.

Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019,
section 4.2, with pictures: layer after layer, the mean that rounding shifted is put right, so that
the next layer reads a corrected activation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from tightfit import Graph, Node
from tightfit.spaces.folding import folded_norms

Watch = Callable[[Node, Tensor], Tensor]
"""Sees what a node gives, and returns what is passed on."""


class Watched(Protocol):
    """A network whose nodes' outputs can be seen and replaced on their way."""

    graph: Graph
    quantization: bool

    def watched(self, inputs: Tensor, watch: Watch) -> None:
        """Run the network in evaluation mode."""
        ...

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of the graph's."""
        ...


@torch.no_grad()
def correct_biases(network: Watched, inputs: Tensor) -> None:
    """Give each quantized layer's channels the mean that they have without rounding.

    Where a batch norm follows, its running mean takes the correction: in training it finds the mean
    by itself. Layers with neither norm nor bias, and those that share one, stay as they are.

    Args:
        network: Calibrated.
        inputs: Normalized, ``[n, ...]``.
    """
    ends = _ends(network.graph)
    means: dict[str, Tensor] = {}

    def see(node: Node, values: Tensor) -> Tensor:
        if node.name in ends:
            means[node.name] = _mean(node, values)
        return values

    def correct(node: Node, values: Tensor) -> Tensor:
        if node.name not in ends:
            return values
        shift = _mean(node, values) - means[node.name]
        _shift(node, network, shift)
        wide = () if node.operator == "linear" else (1,) * (values.dim() - 2)
        return values - shift.reshape(-1, *wide)

    rounds = network.quantization
    try:
        network.quantization = False
        network.watched(inputs, see)
        network.quantization = True
        network.watched(inputs, correct)
    finally:
        network.quantization = rounds


def _ends(graph: Graph) -> frozenset[str]:
    """Return the last node of each quantized layer that can be corrected: its norm or itself."""
    norms, uses = folded_norms(graph), graph.uses()
    ends = [norms.get(node.name, node) for node in graph.nodes if node.integer("weight_limit")]
    return frozenset(
        end.name for end in ends if (name := end.parameters.get(_role(end))) and uses[name] == 1
    )


def _role(end: Node) -> str:
    return "running_mean" if end.operator == "batch_norm" else "bias"


def _shift(end: Node, network: Watched, shift: Tensor) -> None:
    """Take a shift of the output ``[O]`` out of the tensor that makes up for it."""
    tensor = network.tensor(end.parameters[_role(end)])
    if end.operator != "batch_norm":
        tensor.sub_(shift)
        return
    variance = network.tensor(end.parameters["running_var"])
    by_gain = shift * (variance + end.number("eps")).sqrt()
    if "weight" in end.parameters:
        gain = network.tensor(end.parameters["weight"])
        by_gain = torch.where(gain == 0, 0.0, by_gain / gain)
    tensor.add_(by_gain)


def _mean(node: Node, values: Tensor) -> Tensor:
    """Return the mean of each channel, ``[O]``: on a linear layer's last axis, else the second."""
    channels = -1 if node.operator == "linear" else 1
    return values.movedim(channels, 0).flatten(1).mean(1)
