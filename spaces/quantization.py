"""Quantization: which layers have weights of 8 or 4 bits, and where activations are rounded.

An activation is rounded where an integer runtime needs it: before every quantized layer, behind its
output (after a ReLU that fuses with it), and behind a sum of rounded values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

import numpy as np

from tightfit import FLOAT_BITS, BoolArray, Choice, Graph, Hparam, IntArray, Node
from tightfit.choice_array import pick
from tightfit.spaces.folding import folded_norms
from tightfit.spaces.settings import QuantizationSettings
from tightfit.spaces.sites import Sites, grouped

QUANTIZABLE = frozenset({"conv", "linear"})
ACTIVATION_BITS = 8

MOVES = frozenset({"max_pool", "flatten", "dropout", "reshape", "permute"})
"""Operators whose outputs are some of their inputs, and so on the same grid."""

_FUSED = frozenset({"relu", "clip"})


class Quantization:
    """The knob: hparams ``SITE.bits``, and the bit-width of every layer."""

    def __init__(self, settings: QuantizationSettings, sites: Sites) -> None:
        layers = [
            layer
            for layer in sites.layers
            if layer.node.operator in QUANTIZABLE and not layer.constant
        ]
        self._site_of: dict[str, str] = {}
        self.hparams: list[Hparam] = []
        for site, names in grouped(layers, settings.per).items():
            self.hparams.append(Hparam(f"{site}.bits", _ordered(settings.bits)))
            self._site_of.update(dict.fromkeys(names, f"{site}.bits"))

    def bits(self, columns: Mapping[str, int], batch: IntArray) -> dict[str, IntArray]:
        """Return by layer the bits of its weights in each candidate, 32 for float32, ``[n]``."""
        by_name = {hparam.name: hparam for hparam in self.hparams}
        return {
            name: pick(
                np.array([int(c or FLOAT_BITS) for c in by_name[site].choices]),
                batch[:, columns[site]],
            )
            for name, site in self._site_of.items()
        }

    def chosen(self, choices: Mapping[str, Choice]) -> dict[str, int]:
        """Return by layer the bits of its weights, layers in float32 left out."""
        return {
            name: int(choices[site])  # type: ignore[arg-type]
            for name, site in self._site_of.items()
            if choices[site] is not None
        }


def quantize_graph(graph: Graph, bits: Mapping[str, int]) -> Graph:
    """Return the graph with weights of ``bits`` (by layer, 8 or 4) and rounded activations."""
    flags = {name: np.ones(1, dtype=bool) for name in bits}
    rounded = {name for name, flag in rounded_activations(graph, flags).items() if flag[0]}
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for name in graph.inputs:
        if name in rounded:
            nodes.append(_quantize(name))
            renamed[name] = nodes[-1].name
    for node in graph.nodes:
        node = replace(node, inputs=tuple(renamed.get(each, each) for each in node.inputs))
        if node.name in bits:
            node = replace(
                node,
                parameters={**node.parameters, "weight_clip": f"{node.name}.weight_clip"},
                attributes={**node.attributes, "weight_bits": bits[node.name]},
            )
        nodes.append(node)
        if node.name in rounded:
            nodes.append(_quantize(node.name))
            renamed[node.name] = nodes[-1].name
    return Graph(graph.inputs, tuple(nodes), graph.outputs)


def rounded_activations(graph: Graph, quantized: Mapping[str, BoolArray]) -> dict[str, BoolArray]:
    """Return by name of an activation in which candidates it is rounded, ``[n]``.

    Args:
        graph: Without quantization.
        quantized: By layer, in which candidates its weights are, ``[n]``.
    """
    origin = origins(graph)
    ends = fused_ends(graph)
    rounded: dict[str, BoolArray] = {}

    def mark(name: str, flag: BoolArray) -> None:
        rounded[name] = rounded[name] | flag if name in rounded else flag

    for node in graph.nodes:
        if node.name in quantized:
            mark(origin[node.inputs[0]], quantized[node.name])
            mark(ends[node.name], quantized[node.name])
        elif node.operator == "add" and all(origin[each] in rounded for each in node.inputs):
            flags = [rounded[origin[each]] for each in node.inputs]
            mark(ends[node.name], reduce(np.logical_and, flags))
    for name in graph.outputs:
        rounded.pop(origin[name], None)
    return rounded


def origins(graph: Graph) -> dict[str, str]:
    """Return by activation the one whose grid it shares: itself, or where it was moved from."""
    origin = {name: name for name in graph.inputs}
    for node in graph.nodes:
        moves = node.operator in MOVES
        origin[node.name] = origin[node.inputs[0]] if moves else node.name
    return origin


def fused_ends(graph: Graph) -> dict[str, str]:
    """Return by node the last node of the chain that a runtime fuses with it: norm, then ReLU."""
    consumers = graph.consumers()
    norms = folded_norms(graph)
    ends: dict[str, str] = {}
    for node in graph.nodes:
        end = norms[node.name].name if node.name in norms else node.name
        if node.operator in QUANTIZABLE or node.operator == "add":
            readers = consumers[end]
            if len(readers) == 1 and readers[0].operator in _FUSED and end not in graph.outputs:
                end = readers[0].name
        ends[node.name] = end
    return ends


def _quantize(name: str) -> Node:
    return Node(
        f"{name}.quantize",
        "quantize",
        (name,),
        {"scale": f"{name}.quantize.scale", "zero_point": f"{name}.quantize.zero_point"},
        {"bits": ACTIVATION_BITS},
    )


def _ordered(choices: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the choices mildest first: float32, then falling bits."""
    numbers = sorted({c for c in choices if c is not None}, reverse=True)
    return (None, *numbers) if None in choices else tuple(numbers)
