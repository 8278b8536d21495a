"""The blueprint of a network that was built, as an oracle for the one that was computed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from tightfit import Blueprint, Graph, Node
from tightfit.spaces.axis_rules import find_ties
from tightfit.spaces.batch_sizes import BatchChoices
from tightfit.spaces.blueprint_program import blueprint
from tightfit.spaces.compiled_graph import compile_graph
from tightfit.spaces.network import Network
from tightfit.spaces.shapes import activation_shapes
from tightfit.spaces.sites import find_sites
from tightfit.spaces.tracing import Traced


def recompiled(network: Network, weights_only: Collection[str] = ()) -> Blueprint:
    """Return the blueprint of a built network, its graph read as if it were a baseline's.

    Args:
        network: As it was built.
        weights_only: Layers of the baseline that ask for no rounding.
    """
    nodes: list[Node] = []
    named: dict[str, str] = {}
    for node in network.graph.nodes:
        node = replace(node, inputs=tuple(named.get(name, name) for name in node.inputs))
        if node.operator == "quantize":
            named[node.name] = node.inputs[0]
            continue
        roles = {role: name for role, name in node.parameters.items() if role != "weight_clip"}
        nodes.append(replace(node, parameters=roles))
    graph = Graph(network.graph.inputs, tuple(nodes), network.graph.outputs)
    state = network.state_dict()
    tensors = {name: state[name] for node in nodes for name in node.parameters.values()}
    trainable = frozenset(name for name, _ in network.named_parameters())
    traced = Traced(graph, tensors, trainable, network.input_shape)
    shapes = activation_shapes(traced, network.input_shape)
    ties = find_ties(graph, tensors, shapes)
    layers = {layer.name: layer for layer in find_sites(graph, tensors, shapes, ties).layers}
    bits = {
        node.name: np.array([node.integer("weight_bits")])
        for node in nodes
        if "weight_bits" in node.attributes
    }
    rounded = {
        name: np.array([not {name, name.rpartition(".")[0]} & {*weights_only}]) for name in bits
    }
    choices = BatchChoices({}, {}, bits, rounded, {}, np.zeros(1, dtype=np.int64))
    return blueprint(compile_graph(traced, layers, ties, [shapes]), choices)
