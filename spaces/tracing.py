"""From any torch module to a graph: each operator of its exported program becomes ours."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tightfit import WEIGHT_OPERATORS, Graph, SpecError
from tightfit.spaces.exported import export
from tightfit.spaces.layout_rules import BATCH
from tightfit.spaces.network import Network
from tightfit.spaces.translator import INPUT, Translator

_TOLERANCE = 1e-3
"""Of the largest output: rounding in another order is far below, another graph far above."""

__all__ = ["BATCH", "INPUT", "Traced", "trace"]


@dataclass(frozen=True, slots=True)
class Traced:
    """A network as a graph with its tensors.

    Attributes:
        graph: One input, named ``input``, and one output.
        tensors: Parameters and buffers by the names they have in the module's state dict.
        trainable: Names of those that are parameters.
        input_shape: Of the input, without the batch axis.
    """

    graph: Graph
    tensors: dict[str, Tensor]
    trainable: frozenset[str]
    input_shape: tuple[int, ...]


def trace(module: nn.Module, example: Tensor) -> Traced:
    """Return what a module computes.

    Args:
        module: Left as it is, its mode included.
        example: One input ``[1, ...]``; its values do not matter.

    Raises:
        SpecError: Not a module, an input that does not fit, control flow that depends on data, an
            operator without a rule, several outputs, or nothing that has weights.
    """
    if not isinstance(module, nn.Module):
        raise SpecError(f"the model must be a torch.nn.Module, got {type(module).__name__}")
    # Some networks keep tables while they are evaluated, and forget them when they are trained.
    module = copy.deepcopy(module).cpu().float().train().eval()
    program = export(module, example)
    translator = Translator(program)
    graph = translator.graph()
    if not any(node.operator in WEIGHT_OPERATORS for node in graph.nodes):
        raise SpecError("the model has no convolution and no linear layer; nothing to compress")
    used = {name for node in graph.nodes for name in node.parameters.values()}
    state = {**program.state_dict, **program.constants, **translator.constants.kept}
    parameters = set(program.graph_signature.parameters)
    traced = Traced(
        graph=graph,
        tensors={name: state[name].detach().clone() for name in sorted(used)},
        trainable=frozenset(used & parameters),
        input_shape=tuple(example.shape[1:]),
    )
    _check(traced, module)
    return traced


@torch.no_grad()
def _check(traced: Traced, module: nn.Module) -> None:
    """Run both on noise: what the module does beyond its operators, e.g. by chance, shows.

    Raises:
        SpecError: The graph gives something else than the module.
    """
    noise = torch.randn(2, *traced.input_shape, generator=torch.Generator().manual_seed(0))
    tensors = {name: tensor.clone() for name, tensor in traced.tensors.items()}
    network = Network(
        traced.graph, tensors, trainable=traced.trainable, input_shape=traced.input_shape
    )
    found, expected = network.eval()(noise), module(noise)
    difference = (found - expected).abs().max()
    # Untrained weights may overflow on noise; then there is nothing to compare.
    near = difference <= _TOLERANCE * expected.abs().max()
    if bool(expected.isfinite().all()) and not near:
        raise SpecError(
            f"the traced graph differs from the model by {float(difference):.3g} on noise; a model "
            "that computes with chance, or writes into its inputs, cannot be traced"
        )
