"""A program as a torch module, in operators from which other runtimes make their files.

Rounding stands there as pairs of torch's ``quantized_decomposed`` operators, which say what the
grid is and compute it. Codes are signed: a zero point is 128 less than in an ONNX file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.ao.quantization.fx._decomposed  # registers the operators
from torch import Tensor, nn
from torch.fx.traceback import annotate
from torch.nn import functional as F

from tightfit import Node, Program
from tightfit.fusion import rounding_behind
from tightfit.spaces.execution import OPERATIONS, Tensors
from tightfit.spaces.fake_quantization import along
from tightfit.spaces.folding import grids
from tightfit.spaces.steps import hold, holder

LAYER = "layer"
"""Under ``meta["custom"]`` of an exported operator: the node of the program that it is part of."""

DECOMPOSED = torch.ops.quantized_decomposed
_CODES = (-128, 127, torch.int8)
_ZERO_SHIFT = 128
_SMALLEST_STEP = 1e-12
_SELECTING = ("cat", "relu", "slice")
_Grid = tuple[float, int]


class Deployed(nn.Module):
    """Computes what a program says, for an input ``[N, ...]``.

    A layer of quantized weights between two grids is written so that integer kernels compute it,
    exactly as it was trained. One whose result stays a float, as the last one's mostly does, has
    its input rounded anew in each run, to 8 bits of the range that is there: integer kernels with
    float results want it so. Where neither exists (depthwise and transposed convolutions with float
    results, layers that read floats), weights are written as the floats that they stand for.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._graph = program.graph
        readers = program.graph.consumers()
        self._roundings = {
            node.name: rounding_behind(node.name, program.graph, readers)
            for node in program.graph.nodes
        }
        self._roles = {node.name: dict(node.parameters) for node in program.graph.nodes}
        # Training may leave the axes in another order in memory, which kernels ask about.
        numbers = {
            name: torch.from_numpy(np.array(each, order="C"))
            for name, each in program.tensors.items()
        }
        self._grids = {
            name: _grid(quantize, numbers) for name, quantize in grids(program.graph).items()
        }
        self._integer = {
            node.name for node in program.graph.nodes if self._is_integer(node, numbers)
        }
        for node in program.graph.nodes:
            if node.integer("weight_bits"):
                self._add_to(numbers, node)
        self._numbers = nn.Module()
        for node in program.graph.nodes:
            if node.operator != "quantize":
                for name in self._roles[node.name].values():
                    hold(self._numbers, name, numbers[name])

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output ``[N, ...]``."""
        values = {self._graph.inputs[0]: inputs}
        for node in self._graph.nodes:
            with annotate({LAYER: node.name}):
                result = self._run(node, [self._read(values, name) for name in node.inputs])
                if node.name in self._grids:
                    result = DECOMPOSED.quantize_per_tensor(
                        result, *self._grids[node.name], *_CODES
                    )
                values[node.name] = result
        return self._read(values, self._graph.outputs[0])

    def _read(self, values: dict[str, Tensor], name: str) -> Tensor:
        """Return a value as floats; each reader has an operator of its own, to be fused with it."""
        if name not in self._grids:
            return values[name]
        grid = self._grids[name]
        found: Tensor = DECOMPOSED.dequantize_per_tensor(values[name], *grid, *_CODES)
        return found

    def _run(self, node: Node, inputs: list[Tensor]) -> Tensor:
        if node.operator == "quantize":
            return inputs[0]
        tensors = self._tensors(node)
        if node.name in self._integer:
            tensors["weight"] = DECOMPOSED.dequantize_per_channel(
                tensors["weight"], tensors["weight_scale"], tensors["zeros"], 0, -127, *_CODES[1:]
            )
            if self._roundings[node.name] is None:
                inputs = [_rounded_to_its_range(inputs[0])]
        if node.operator in _SELECTING:
            inputs = self._rounded_early(node, inputs)
        if node.operator == "clip":
            # The kernels that take an activation in know this one under another name.
            return F.hardtanh(inputs[0], node.number("low"), node.number("high"))
        operation = _batch_norm if node.operator == "batch_norm" else OPERATIONS[node.operator]
        return operation(inputs, tensors, node.attributes)

    def _rounded_early(self, node: Node, inputs: list[Tensor]) -> list[Tensor]:
        """Return the inputs on the grid of the result, which changes no number of it.

        Kernels that only choose among codes have no second grid.
        """
        rounding = self._roundings[node.name]
        on_grids = any(name in self._grids for name in node.inputs)
        if not on_grids or rounding is None or rounding.activation is not None:
            return inputs
        grid = self._grids[rounding.quantize.name]
        codes = [DECOMPOSED.quantize_per_tensor(each, *grid, *_CODES) for each in inputs]
        return [DECOMPOSED.dequantize_per_tensor(each, *grid, *_CODES) for each in codes]

    def _is_integer(self, node: Node, numbers: Mapping[str, Tensor]) -> bool:
        """Whether a layer has a kernel for its codes."""
        if not node.integer("weight_bits") or node.inputs[0] not in self._grids:
            return False
        if node.operator == "linear":
            return True
        if node.operator == "conv_transpose":
            return False
        depthwise = numbers[node.parameters["weight"]].shape[1] == 1
        return self._roundings[node.name] is not None or not depthwise

    def _add_to(self, numbers: dict[str, Tensor], node: Node) -> None:
        """Add what a layer of quantized weights reads: zero points, or floats for its codes."""
        weight, roles = node.parameters["weight"], self._roles[node.name]
        scale = numbers[node.parameters["weight_scale"]]
        if node.name in self._integer:
            roles["zeros"] = f"{weight}_zeros"
            numbers[roles["zeros"]] = torch.zeros_like(scale, dtype=torch.int64)
        else:
            del roles["weight_scale"]
            roles["weight"] = f"{weight}_floats"
            numbers[roles["weight"]] = _unpacked(node, numbers[weight], scale)

    def _tensors(self, node: Node) -> dict[str, Any]:
        found: dict[str, Any] = {"bias": None}
        for role, name in self._roles[node.name].items():
            owner, leaf = holder(self._numbers, name)
            found[role] = getattr(owner, leaf)
        return found


def _grid(quantize: Node, numbers: Mapping[str, Tensor]) -> _Grid:
    """Return the scale and the signed zero point of a ``quantize``."""
    scale, zero = (numbers[quantize.parameters[role]] for role in ("scale", "zero_point"))
    return float(scale), int(zero) - _ZERO_SHIFT


def _unpacked(node: Node, codes: Tensor, scale: Tensor) -> Tensor:
    """Return the floats that a layer's codes stand for."""
    if node.operator != "conv_transpose":
        return codes * along(scale, codes, 0)
    groups = node.integer("groups", 1)
    rows = scale.reshape(groups, 1, -1).expand(-1, len(codes) // groups, -1)
    return codes * rows.reshape(*codes.shape[:2], *(1,) * (codes.dim() - 2))


def _batch_norm(inputs: list[Tensor], tensors: Tensors, attributes: Any) -> Tensor:
    mean, variance = tensors["running_mean"], tensors["running_var"]
    weight, bias = tensors.get("weight"), tensors["bias"]
    return F.batch_norm(inputs[0], mean, variance, weight, bias, eps=attributes["eps"])


def _rounded_to_its_range(values: Tensor) -> Tensor:
    """Return values on a grid of 256 levels from their least to their largest."""
    scale, zero = DECOMPOSED.choose_qparams(values, *_CODES[:2], _SMALLEST_STEP, _CODES[2])
    codes = DECOMPOSED.quantize_per_tensor.tensor(values, scale, zero, *_CODES)
    rounded: Tensor = DECOMPOSED.dequantize_per_tensor.tensor(codes, scale, zero, *_CODES)
    return rounded
