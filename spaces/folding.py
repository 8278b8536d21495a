"""From a trained graph with its tensors to the program of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tightfit import Graph, Node, Program
from tightfit.spaces.fake_quantization import weight_limit, weight_scale

FOLDABLE = frozenset({"conv", "linear"})


def folded_norms(graph: Graph) -> dict[str, Node]:
    """Return by layer the batch norm that is its only reader, and can be folded into it."""
    consumers = graph.consumers()
    found = {}
    for node in graph.nodes:
        readers = consumers[node.name]
        alone = len(readers) == 1 and node.name not in graph.outputs
        if node.operator in FOLDABLE and alone and readers[0].operator == "batch_norm":
            found[node.name] = readers[0]
    return found


def norm_scale(norm: Node, tensor: Callable[[str], Tensor]) -> Tensor:
    """Return what a batch norm multiplies each channel by, ``[C]``; never zero."""
    deviation = torch.sqrt(tensor(norm.parameters["running_var"]).float() + norm.number("eps"))
    if "weight" not in norm.parameters:
        return 1 / deviation
    gain = tensor(norm.parameters["weight"]).float()
    # A gain of exactly zero could not be divided by; its channel is constant all the same.
    return torch.where(gain.abs() < 1e-6, 1e-6, gain) / deviation


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
        if node.operator in ("conv", "linear", "conv_transpose"):
            return self._layer(node)
        for role, name in node.parameters.items():
            value = self._tensors[name].numpy()
            self._result[name] = value.astype(np.uint8 if role == "zero_point" else np.float32)
        return node

    def _layer(self, node: Node) -> Node:
        name = node.parameters["weight"]
        weight = self._tensors[name].float()
        bias = self._tensors[node.parameters["bias"]] if "bias" in node.parameters else None
        norm = self._norms.get(node.name)
        if norm is not None:
            scale = norm_scale(norm, self._tensors.__getitem__)
            weight = weight * scale.reshape(-1, *(1,) * (weight.dim() - 1))
            mean = self._tensors[norm.parameters["running_mean"]].float()
            bias = ((0 if bias is None else bias.float()) - mean) * scale
            if "bias" in norm.parameters:
                bias = bias + self._tensors[norm.parameters["bias"]].float()
        parameters = {"weight": name}
        if bias is not None:
            parameters["bias"] = f"{node.name}.bias"
            self._result[parameters["bias"]] = bias.float().numpy()
        if "weight_bits" in node.attributes:
            parameters["weight_scale"] = f"{node.name}.weight_scale"
            bits = node.integer("weight_bits")
            clip = self._tensors[node.parameters["weight_clip"]]
            step = weight_scale(weight, clip, bits)
            codes = torch.round(weight / step.reshape(-1, *(1,) * (weight.dim() - 1)))
            limit = weight_limit(bits)
            self._result[name] = codes.clamp(-limit, limit).to(torch.int8).numpy()
            self._result[parameters["weight_scale"]] = step.numpy()
        else:
            self._result[name] = weight.numpy()
        return replace(node, parameters=parameters)
