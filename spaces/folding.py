"""From a trained graph with its tensors to the program of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tightfit import WEIGHT_OPERATORS, Graph, Node, Program
from tightfit.spaces.fake_quantization import along, weight_step

MOVES = frozenset({"max_pool", "flatten", "dropout", "reshape", "permute"})
"""Operators whose outputs are some of their inputs, and so on the same grid."""

SMALLEST_SCALE = 1e-12
"""Of weights; a channel whose gain is zero has a scale all the same."""


_TYPES: Mapping[str, type[np.generic]] = {"zero_point": np.uint8, "index": np.int64}
"""By role, the type of numbers that are not float32."""


def folded_norms(graph: Graph) -> dict[str, Node]:
    """Return by layer the batch norm that is its only reader, and can be folded into it."""
    consumers = graph.consumers()
    found = {}
    for node in graph.nodes:
        readers = consumers[node.name]
        alone = len(readers) == 1 and node.name not in graph.outputs
        if alone and foldable(node, readers[0]):
            found[node.name] = readers[0]
    return found


def foldable(node: Node, norm: Node) -> bool:
    """Whether a node is a batch norm that multiplies the output channels of a layer.

    A norm counts channels along the second axis. A linear layer gives them along the last one, so
    that the second one of tokens ``[N, T, C]`` is that of their places.
    """
    if norm.operator != "batch_norm" or node.operator not in WEIGHT_OPERATORS:
        return False
    if node.operator == "linear":
        return norm.integer("rank", 2) == 2
    return output_axis(node) == 0 or node.integer("groups", 1) == 1


def output_axis(node: Node) -> int:
    """Return the axis of a layer's weights that counts its output channels."""
    return 1 if node.operator == "conv_transpose" else 0


def fold(graph: Graph, tensors: Mapping[str, Tensor], input_shape: tuple[int, ...]) -> Program:
    """Return the program: norms folded, dropout gone, quantized weights as codes."""
    return _Folder(graph, tensors).program(input_shape)


def grids(graph: Graph) -> dict[str, Node]:
    """Return by activation the ``quantize`` whose grid it is on, where it is on one."""
    found: dict[str, Node] = {}
    for node in graph.nodes:
        if node.operator == "quantize":
            found[node.name] = node
        elif (node.operator in MOVES or node.operator == "slice") and node.inputs[0] in found:
            found[node.name] = found[node.inputs[0]]
    return found


def folded_parameters(graph: Graph) -> dict[str, dict[str, str]]:
    """Return by layer the names of the tensors that its folded form is made of, by role.

    Beside its own they are those of its norm, as ``norm.ROLE``, and ``scale``, that of the grid
    which its input is on.
    """
    norms, on_grid = folded_norms(graph), grids(graph)
    found = {}
    for node in graph.nodes:
        if node.operator in WEIGHT_OPERATORS:
            names = dict(node.parameters)
            if node.name in norms:
                norm = norms[node.name].parameters
                names |= {f"norm.{role}": name for role, name in norm.items()}
            if node.inputs[0] in on_grid:
                names["scale"] = on_grid[node.inputs[0]].parameters["scale"]
            found[node.name] = names
    return found


@dataclass(frozen=True, slots=True)
class FoldedLayer:
    """A quantized layer as its file has it, its norm folded in.

    Attributes:
        codes: Whole numbers, in the shape of the weights.
        scale: Of each output channel, ``[O]``, positive.
        bias: ``[O]``, on the grid of the sums of products where the input is on a grid.
    """

    codes: Tensor
    scale: Tensor
    bias: Tensor | None


def folded_layer(node: Node, tensors: Mapping[str, Tensor], *, norm: Node | None) -> FoldedLayer:
    """Return a quantized layer's codes, scales and bias; all that its file rounds is rounded.

    Args:
        node: Of the layer.
        tensors: By the roles of :func:`folded_parameters`.
        norm: Folded into it.
    """
    limit = node.integer("weight_limit")
    weight, bias = tensors["weight"], tensors.get("bias")
    step = weight_step(weight, tensors["weight_clip"], limit)
    codes = torch.round(weight / along(step, weight)).clamp(-limit, limit)
    if norm is not None:
        gain, bias = gain_and_bias(
            {role: tensors[f"norm.{role}"] for role in norm.parameters}, norm.number("eps"), bias
        )
        # A scale is positive; the sign of a gain goes into the codes.
        codes = codes * along(torch.where(gain < 0, -1.0, 1.0), weight)
        step = (step * gain.abs()).clamp_min(SMALLEST_SCALE)
    if bias is not None and "scale" in tensors:
        # The int32 bias of the file counts products of the input's and the weights' steps.
        unit = step * tensors["scale"]
        bias = torch.round(bias / unit) * unit
    return FoldedLayer(codes, step, bias)


def gain_and_bias(
    norm: Mapping[str, Tensor], eps: float, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what a norm multiplies each channel by, and what it then adds, both ``[O]``.

    Args:
        norm: Its tensors by role.
        eps: Of the norm.
        bias: Of the layer in front.
    """
    gain = torch.rsqrt(norm["running_var"] + eps)
    if "weight" in norm:
        gain = gain * norm["weight"]
    shift = (0 if bias is None else bias) - norm["running_mean"]
    return gain, shift * gain + norm.get("bias", 0)


class _Folder:
    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        self._graph = graph
        self._tensors = tensors
        self._norms = folded_norms(graph)
        self._sources = folded_parameters(graph)
        self._plain = _plain(graph, self._norms)
        self._result: dict[str, npt.NDArray[Any]] = {}
        self._renamed: dict[str, str] = {}

    def program(self, input_shape: tuple[int, ...]) -> Program:
        gone = {norm.name for norm in self._norms.values()}
        nodes = []
        for node in self._graph.nodes:
            inputs = tuple(self._renamed.get(name, name) for name in node.inputs)
            if node.name in gone or node.operator == "dropout":
                self._renamed[node.name] = inputs[0]
                continue
            nodes.append(self._node(replace(node, inputs=inputs)))
        outputs = tuple(self._renamed.get(name, name) for name in self._graph.outputs)
        return Program(
            Graph(self._graph.inputs, tuple(nodes), outputs), self._result, (input_shape,)
        )

    def _node(self, node: Node) -> Node:
        if node.operator in WEIGHT_OPERATORS:
            return self._layer(node)
        for role, name in node.parameters.items():
            value = self._tensors[name].numpy()
            fits = node.operator == "aten" and value.dtype.kind != "f"
            self._result[name] = value if fits else value.astype(_TYPES.get(role, np.float32))
        return node

    def _layer(self, node: Node) -> Node:
        """Return a layer with its norm folded in, its weights as codes where it is quantized."""
        norm = self._norms.get(node.name)
        weight_name = node.parameters["weight"]
        tensors = {
            role: self._tensors[each].float() for role, each in self._sources[node.name].items()
        }
        if node.integer("weight_limit"):
            folded = folded_layer(node, tensors, norm=norm)
            parameters = {
                "weight": self._keep(weight_name, folded.codes.to(torch.int8)),
                "weight_scale": self._keep(f"{node.name}.weight_scale", folded.scale),
            }
            bias = folded.bias
        else:
            weight, bias = tensors["weight"], tensors.get("bias")
            if norm is not None:
                roles = {role: tensors[f"norm.{role}"] for role in norm.parameters}
                gain, bias = gain_and_bias(roles, norm.number("eps"), bias)
                weight = weight * along(gain, weight, output_axis(node))
            parameters = {"weight": self._keep(weight_name, weight)}
        if bias is not None:
            parameters["bias"] = self._keep(f"{node.name}.bias", bias)
        return replace(node, parameters=parameters)

    def _keep(self, wanted: str, tensor: Tensor) -> str:
        """Keep what a layer is folded to, and return the name that it has.

        It is ``wanted`` where nothing else has it: the folded tensors of a module called twice
        differ, and what reads a layer's weights as a value reads them as they are.
        """
        name, count = wanted, 1
        while name in self._result or name in self._plain:
            name = f"{wanted}_{count}"
            count += 1
        self._result[name] = tensor.numpy()
        return name


def _plain(graph: Graph, norms: Mapping[str, Node]) -> frozenset[str]:
    """Return the names of tensors that a program has as the graph has them."""
    gone = {norm.name for norm in norms.values()}
    return frozenset(
        name
        for node in graph.nodes
        if node.operator not in WEIGHT_OPERATORS and node.name not in gone
        for name in node.parameters.values()
    )
