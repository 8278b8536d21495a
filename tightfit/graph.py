"""A network as a list of operators, without weights.

One graph serves everything: surgery rewrites it, a torch module executes it, an exporter writes it.
Operators and their attributes (all sizes in elements; a pair is (height, width)):

==================  ======================================  =======================================
operator            parameters (role)                       attributes
==================  ======================================  =======================================
conv                weight [O, I/groups, kh, kw], bias?     stride, padding, dilation; groups
conv_transpose      weight [I, O/groups, kh, kw], bias?     the same, and output_padding
linear              weight [O, I], bias?                    (last axis)
batch_norm          weight?, bias?, running_mean, -_var     eps, momentum, rank (axes that it reads)
layer_norm          weight?, bias?                          eps, axes (number of trailing axes)
rms_norm            weight?                                 eps, axes (number of trailing axes)
group_norm          weight?, bias?                          eps, groups
parameter           value                                   (no input: gives the value itself)
relu, hardswish,
hardsigmoid,
sigmoid, silu, tanh,
selu, mish, softplus
exp, sqrt, rsqrt,
neg, abs
gelu                                                        approximate ("none" or "tanh")
clip                                                        low, high
leaky_relu                                                  slope
elu                                                         alpha
prelu               weight [C] or [1]
add, sub, mul, div,                                         scalar, when there is one input
pow
maximum, minimum                                            (of two inputs)
matmul
attention                                                   scale; causal; inputs: query, key,
                                                             value and, where there is one, a mask
                                                             to add
softmax                                                     axis
cat                                                         axis
max_pool                                                    kernel, stride, padding, dilation,
                                                             ceil_mode
avg_pool                                                    kernel, stride, padding, ceil_mode,
                                                             count_include_pad
adaptive_avg_pool                                           output_size (pair)
mean, sum, norm                                             axes, keepdim; a norm is Euclidean
flatten                                                     start (the last axis is the end)
reshape                                                     shape (0: batch size, -1: what is left)
expand                                                      shape (0: the last input's batch size)
permute                                                     axes
slice                                                       axis, start, end; step
gather              index [rows]                            axis
roll                                                        shifts, axes
pad                                                         pads (before, after by axis), value
aten                tensor0, tensor1, ...                   calls (:mod:`tightfit.calls`, as JSON),
                                                             macs (for one picture), reason
upsample                                                    mode ("nearest", "bilinear"),
                                                             scale (pair), align_corners
dropout                                                     rate; kind ("each", "channels",
                                                             "alpha", "alpha_channels")
quantize            scale [], zero_point []                 bits (unsigned, asymmetric, per tensor);
                                                             low, high, where its ends are fixed
==================  ======================================  =======================================

``aten`` calls operators of torch for which this table has no row, as they were recorded; nothing
that they read or give changes, and the reason says which operators they are. ``quantize`` rounds an
activation to the nearest of ``2 ** bits`` levels and is written as a pair of QuantizeLinear and
DequantizeLinear. A ``conv``, ``conv_transpose`` or ``linear`` whose attribute ``weight_bits`` is 8,
4 or 2 has quantized weights: signed, symmetric, one scale for each output channel in the parameter
``weight_scale`` [O]. Their largest code is ``weight_limit`` where a network is trained, all that
the bits hold or less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from tightfit.errors import SpecError

Attribute: TypeAlias = bool | int | float | str | tuple[int, ...] | tuple[float, ...]

WEIGHT_OPERATORS = frozenset({"conv", "conv_transpose", "linear"})


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        name: Unique in its graph, and the name of its output. A layer's is the path of its module.
        operator: One of the module's table.
        inputs: Names of nodes or of the graph's inputs.
        parameters: By role, the names of its tensors in the state dict.
        attributes: As in the module's table.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def integer(self, name: str, default: int = 0) -> int:
        """Return a whole-number attribute, ``default`` where the node has none."""
        value = self.attributes.get(name, default)
        assert isinstance(value, int)
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """Return an attribute that is several whole numbers."""
        value = self.attributes[name]
        assert isinstance(value, tuple)
        return tuple(int(each) for each in value)

    def number(self, name: str) -> float:
        """Return an attribute that is a number."""
        value = self.attributes[name]
        assert isinstance(value, int | float)
        return float(value)


@dataclass(frozen=True, slots=True)
class Graph:
    """Operators in execution order.

    Raises:
        SpecError: A name used twice, or an input that no earlier node gives.
    """

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        known = set(self.inputs)
        for node in self.nodes:
            for name in node.inputs:
                if name not in known:
                    raise SpecError(f"the node {node.name!r} reads {name!r}, which nothing gives")
            if node.name in known:
                raise SpecError(f"two nodes are named {node.name!r}; names must differ")
            known.add(node.name)
        for name in self.outputs:
            if name not in known:
                raise SpecError(f"the graph's output {name!r} is given by no node")

    def consumers(self) -> dict[str, list[Node]]:
        """Return by name of an input or node the nodes that read it, in execution order."""
        readers: dict[str, list[Node]] = {name: [] for name in self.inputs}
        for node in self.nodes:
            readers.setdefault(node.name, [])
            for name in dict.fromkeys(node.inputs):
                readers[name].append(node)
        return readers

    def uses(self) -> Counter[str]:
        """Return by name of a tensor how often nodes read it, in whichever role."""
        return Counter(name for node in self.nodes for name in node.parameters.values())
