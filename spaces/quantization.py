"""Quantization: which layers have weights of 8, 4 or 2 bits, and where activations are rounded.

An activation is rounded where an integer runtime needs it: before every quantized layer, behind its
output (after a ReLU that fuses with it), and behind a sum of rounded values. A layer may have codes
for its weights alone: it asks for no rounding, and what a neighbour rounds it reads rounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

from tightfit import FLOAT_BITS, BoolArray, Choice, Graph, Hparam, IntArray, Node
from tightfit.choice_array import pick
from tightfit.fusion import FUSED
from tightfit.graph import Attribute
from tightfit.spaces.bypass import WHOLE, Bypass
from tightfit.spaces.fake_quantization import weight_limit
from tightfit.spaces.folding import MOVES, folded_norms
from tightfit.spaces.integer_grids import FIXED_RANGES, grid_owners
from tightfit.spaces.settings import QuantizationSettings, TargetCpu
from tightfit.spaces.sites import Sites, grouped

QUANTIZABLE = frozenset({"conv", "linear"})
"""Operators whose weights have their output channels on the first axis."""

ACTIVATION_BITS = 8

TAKES_ACTIVATION = QUANTIZABLE | {"add"}
"""Operators with which a runtime fuses activations."""


@dataclass(frozen=True, slots=True)
class LayerBits:
    """How a layer is quantized.

    Attributes:
        weights: Bits of each, 8, 4 or 2.
        rounded: Whether what it reads and gives is rounded to 8 bits.
    """

    weights: int
    rounded: bool = True


class Quantization:
    """The knob: hparams ``SITE.bits`` and, unless all are rounded, ``SITE.activation_bits``."""

    def __init__(self, settings: QuantizationSettings, sites: Sites) -> None:
        layers = [
            layer
            for layer in sites.layers
            if layer.node.operator in QUANTIZABLE and not layer.constant
        ]
        self._target_cpu = settings.target_cpu
        self._integer_only = settings.integer_only
        self._site_of: dict[str, str] = {}
        self._activations = _integers_first(settings.activations)
        self.hparams: list[Hparam] = []
        for site, names in grouped(layers, settings.per).items():
            bits = Hparam(f"{site}.bits", _ordered(settings.choices))
            self.hparams.append(bits)
            self._site_of.update(dict.fromkeys(names, site))
            coded = tuple(i for i, choice in enumerate(bits.choices) if choice is not None)
            if self._activations != (ACTIVATION_BITS,) and coded:
                self.hparams.append(
                    Hparam(f"{site}.activation_bits", self._activations, (bits.name, coded))
                )

    def bits(self, columns: Mapping[str, int], batch: IntArray) -> dict[str, IntArray]:
        """Return by layer the bits of its weights in each candidate, 32 for float32, ``[n]``."""
        by_name = {hparam.name: hparam for hparam in self.hparams}
        return {
            name: pick(
                np.array([int(c or FLOAT_BITS) for c in by_name[f"{site}.bits"].choices]),
                batch[:, columns[f"{site}.bits"]],
            )
            for name, site in self._site_of.items()
        }

    def rounded(self, columns: Mapping[str, int], batch: IntArray) -> dict[str, BoolArray]:
        """Return by layer in which candidates what it reads and gives is rounded, ``[n]``."""
        asked = np.array([choice is not None for choice in self._activations])
        found = {}
        for name, bits in self.bits(columns, batch).items():
            column = columns.get(f"{self._site_of[name]}.activation_bits")
            found[name] = np.less(bits, FLOAT_BITS)
            if column is not None:
                found[name] = found[name] & pick(asked, batch[:, column])
        return found

    def rewritten(self, graph: Graph, bits: Mapping[str, LayerBits]) -> Graph:
        """Return the graph with quantized layers and rounded activations."""
        return quantize_graph(
            graph, bits, target_cpu=self._target_cpu, integer_only=self._integer_only
        )

    def uniform(self, bits: int) -> dict[str, LayerBits]:
        """Return the same bits for every layer whose bits are chosen, activations rounded."""
        return dict.fromkeys(self._site_of, LayerBits(bits))

    def layers_of(self, hparam: str) -> list[str]:
        """Return the layers that an hparam is about."""
        return [name for name, site in self._site_of.items() if site == hparam.rpartition(".")[0]]

    def chosen(self, choices: Mapping[str, Choice]) -> dict[str, LayerBits]:
        """Return by layer how it is quantized, layers in float32 left out."""
        return {
            name: LayerBits(
                int(bits),
                choices.get(f"{site}.activation_bits", ACTIVATION_BITS) is not None,
            )
            for name, site in self._site_of.items()
            if (bits := choices[f"{site}.bits"]) is not None
        }


def largest_code(bits: int, target_cpu: TargetCpu) -> int:
    """Return the largest code of weights of ``bits`` that a processor multiplies without harm.

    Without VNNI, x86 adds two products of an unsigned and a signed code in 16 bits (``pmaddubsw``).
    Weights within 7 bits keep 2 x 255 x 63 below 2 ** 15, whichever two meet.
    """
    return weight_limit(min(bits, 7) if target_cpu == "portable" else bits)


def quantize_graph(
    graph: Graph,
    bits: Mapping[str, LayerBits],
    *,
    target_cpu: TargetCpu = "portable",
    integer_only: bool = False,
) -> Graph:
    """Return the graph with codes for weights, and rounded activations.

    Args:
        graph: Without quantization.
        bits: Of each quantized layer.
        target_cpu: Whose products of 8 bits must not saturate.
        integer_only: Round every activation, on grids that integer operators can work with.
    """
    flags = {name: np.array([each.rounded]) for name, each in bits.items()}
    marks = rounded_activations(graph, flags, integer_only=integer_only)
    rounded = {name for name, flag in marks.items() if flag[0]}
    owners = grid_owners(graph, MOVES) if integer_only else {name: name for name in rounded}
    ranges = {n.name: FIXED_RANGES.get(n.operator) for n in graph.nodes} if integer_only else {}
    renamed: dict[str, str] = {}
    nodes: list[Node] = []
    for name in graph.inputs:
        if name in rounded:
            nodes.append(_quantize(name, name, None))
            renamed[name] = nodes[-1].name
    for node in graph.nodes:
        node = replace(node, inputs=tuple(renamed.get(each, each) for each in node.inputs))
        if node.name in bits:
            node = replace(
                node,
                parameters={**node.parameters, "weight_clip": f"{node.name}.weight_clip"},
                attributes={
                    **node.attributes,
                    "weight_bits": bits[node.name].weights,
                    "weight_limit": largest_code(bits[node.name].weights, target_cpu),
                },
            )
        nodes.append(node)
        if node.name in rounded:
            owner = owners[node.name]
            nodes.append(_quantize(node.name, owner, ranges.get(owner)))
            renamed[node.name] = nodes[-1].name
    outputs = tuple(renamed.get(name, name) for name in graph.outputs)
    return Graph(graph.inputs, tuple(nodes), outputs)


def rounded_activations(
    graph: Graph,
    asking: Mapping[str, BoolArray],
    bypass: Bypass = WHOLE,
    *,
    integer_only: bool = False,
) -> dict[str, BoolArray]:
    """Return by name of an activation in which candidates it is rounded, ``[n]``.

    Args:
        graph: Without quantization.
        asking: By layer, in which candidates it asks for rounding, ``[n]``.
        bypass: What of the graph is gone where. The output of a dropped block is rounded where its
            skip is, and what is fused with an activation only there is what that activation is.
        integer_only: Everything is, but what lies between operators that a runtime fuses.
    """
    if not asking:
        return {}
    never = np.zeros_like(next(iter(asking.values())))
    rounding = _Rounding(bypass, origins(graph), fused_ends(graph), never)
    for node in graph.nodes:
        if node.name in asking:
            rounding.mark(node.inputs[0], rounding.here(node, asking[node.name]))
            rounding.mark_end(node, asking[node.name])
        elif node.operator == "add":
            rounding.mark_end(node, reduce(np.logical_and, map(rounding.found, node.inputs)))
    if integer_only:
        _mark_all(graph, rounding)
        return rounding.settled()
    for name in graph.outputs:
        rounding.rounded.pop(rounding.origin[name], None)
    return rounding.settled()


@dataclass(slots=True)
class _Rounding:
    """Marks activations, each where the node that asks for it is there."""

    bypass: Bypass
    origin: Mapping[str, str]
    ends: Mapping[str, str]
    never: BoolArray
    rounded: dict[str, BoolArray] = field(default_factory=dict)

    def here(self, node: Node, flag: BoolArray) -> BoolArray:
        present = self.bypass.present.get(node.name)
        return flag if present is None else flag & present

    def mark(self, name: str, flag: BoolArray) -> None:
        """Round the activation whose grid ``name`` is on, for dropped blocks that of the skip."""
        name = self.origin[name]
        if name in self.bypass.skips:
            skip, gone = self.bypass.skips[name]
            if (flag & gone).any():
                self.mark(skip, flag & gone)
            flag = flag & ~gone
        self.rounded[name] = self.rounded[name] | flag if name in self.rounded else flag

    def mark_end(self, node: Node, flag: BoolArray) -> None:
        """Round what a node gives, behind all that is fused with it."""
        flag = self.here(node, flag)
        if node.name in self.bypass.ends:
            end, there = self.bypass.ends[node.name]
            self.mark(end, flag & there)
            flag = flag & ~there
        self.mark(self.ends[node.name], flag)

    def found(self, name: str) -> BoolArray:
        """Return where the grid that ``name`` is on was marked so far."""
        name = self.origin[name]
        flag = self.rounded.get(name, self.never)
        if name in self.bypass.skips:
            skip, gone = self.bypass.skips[name]
            flag = np.where(gone, self.found(skip), flag)
        return flag

    def settled(self) -> dict[str, BoolArray]:
        """Return the marks, those of other names for an activation among them."""
        rounded = self.rounded
        for node, (end, there) in self.bypass.ends.items():
            name, fused = self.ends[node], rounded.get(end, self.never)
            rounded[name] = np.where(there, fused, rounded.get(name, self.never))
        for name, (skip, gone) in self.bypass.skips.items():
            behind = rounded.get(self.origin[skip], self.never)
            rounded[name] = np.where(gone, behind, rounded.get(name, self.never))
        return rounded


def _mark_all(graph: Graph, rounding: _Rounding) -> None:
    """Mark the inputs and what every node gives, folded norms and parameters left out."""
    everywhere = np.ones_like(rounding.never)
    for name in graph.inputs:
        rounding.mark(name, everywhere)
    folded = {norm.name for norm in folded_norms(graph).values()}
    for node in graph.nodes:
        if node.name not in folded and node.operator != "parameter":
            rounding.mark_end(node, everywhere)


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
        if node.operator in TAKES_ACTIVATION:
            readers = consumers[end]
            if len(readers) == 1 and readers[0].operator in FUSED and end not in graph.outputs:
                end = readers[0].name
        ends[node.name] = end
    return ends


def _quantize(name: str, owner: str, ends: tuple[float, float] | None) -> Node:
    """Return what rounds an activation.

    Args:
        name: Of the activation.
        owner: The activation that it shares its grid with: itself, most often.
        ends: Of the grid, where they are not found by calibration.
    """
    fixed: dict[str, Attribute] = {} if ends is None else {"low": ends[0], "high": ends[1]}
    return Node(
        f"{name}.quantize",
        "quantize",
        (name,),
        {"scale": f"{owner}.quantize.scale", "zero_point": f"{owner}.quantize.zero_point"},
        {"bits": ACTIVATION_BITS, **fixed},
    )


def _integers_first(choices: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the choices for activations, 8 bits first: what bits mean if nothing else is said."""
    return tuple(sorted(set(choices), key=lambda choice: choice is None))


def _ordered(choices: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the choices mildest first: float32, then falling bits."""
    numbers = sorted({c for c in choices if c is not None}, reverse=True)
    return (None, *numbers) if None in choices else tuple(numbers)
