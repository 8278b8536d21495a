"""From a trained graph with its tensors to the program of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tightfit import WEIGHT_OPERATORS, Graph, Node, Program
from tightfit.spaces.fake_quantization import along, weight_step

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
        if foldable(node) and alone and readers[0].operator == "batch_norm":
            found[node.name] = readers[0]
    return found


def foldable(node: Node) -> bool:
    return node.operator in WEIGHT_OPERATORS and (
        output_axis(node) == 0 or node.integer("groups", 1) == 1
    )


def output_axis(node: Node) -> int:
    """Return the axis of a layer's weights that counts its output channels."""
    return 1 if node.operator == "conv_transpose" else 0


def fold(graph: Graph, tensors: Mapping[str, Tensor], input_shape: tuple[int, ...]) -> Program:
    """Return the program: norms folded, dropout gone, quantized weights as codes."""
    return _Folder(graph, tensors).program(input_shape)


class _Folder:
    def __init__(self, graph: Graph, tensors: Mapping[str, Tensor]) -> None:
        self._graph = graph
        self._tensors = tensors
        self._norms = folded_norms(graph)
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
            self._result[name] = value.astype(_TYPES.get(role, np.float32))
        return node

    def _layer(self, node: Node) -> Node:
        """Return a layer with its norm folded in, its weights as codes where it is quantized."""
        name, axis = self._free(node), output_axis(node)
        weight, gain = self._tensors[node.parameters["weight"]].float(), None
        bias = self._tensors[node.parameters["bias"]].float() if "bias" in node.parameters else None
        if node.name in self._norms:
            gain, bias = self._gain_and_bias(self._norms[node.name], bias)
        parameters = {"weight": name}
        if bias is not None:
            parameters["bias"] = f"{node.name}.bias"
            self._result[parameters["bias"]] = bias.numpy()
        if limit := node.integer("weight_limit"):
            parameters["weight_scale"] = f"{node.name}.weight_scale"
            clip = self._tensors[node.parameters["weight_clip"]].float()
            step = weight_step(weight, clip, limit, axis=axis)
            codes = torch.round(weight / along(step, weight, axis))
            if gain is not None:
                # A scale is positive; the sign of a gain goes into the codes.
                codes = codes * along(torch.where(gain < 0, -1.0, 1.0), weight, axis)
                step = (step * gain.abs()).clamp_min(SMALLEST_SCALE)
            self._result[name] = codes.clamp(-limit, limit).to(torch.int8).numpy()
            self._result[parameters["weight_scale"]] = step.numpy()
        else:
            folded = weight if gain is None else weight * along(gain, weight, axis)
            self._result[name] = folded.numpy()
        return replace(node, parameters=parameters)

    def _free(self, node: Node) -> str:
        """Return a name for the weights; those of a module called twice differ once folded."""
        name = node.parameters["weight"]
        while name in self._result:
            name = f"{name}.{node.name}"
        return name

    def _gain_and_bias(self, norm: Node, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what a norm multiplies each channel by, and what it then adds, both ``[O]``."""
        tensors = {role: self._tensors[name].float() for role, name in norm.parameters.items()}
        gain = torch.rsqrt(tensors["running_var"] + norm.number("eps"))
        if "weight" in tensors:
            gain = gain * tensors["weight"]
        shift = (0 if bias is None else bias) - tensors["running_mean"]
        return gain, shift * gain + tensors.get("bias", 0)
