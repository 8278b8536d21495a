"""A torch module that executes a graph, trains on its file's grid, and says what the file is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit import WEIGHT_OPERATORS, CandidateError, Graph, Node, Program
from tightfit.spaces.execution import OPERATIONS
from tightfit.spaces.fake_quantization import (
    Range,
    affine,
    best_clip,
    fake_quantize_activation,
    fake_quantize_weight,
    weight_step,
)
from tightfit.spaces.folding import fold, output_axis


class Network(nn.Module):
    """Executes a graph. Its state dict has the names of the graph's tensors.

    Quantized layers and activations compute with float numbers until :meth:`calibrate` has found
    their ranges and ``quantization`` is switched on; from then on the forward pass in evaluation
    mode is that of the file. In training mode batch norms use the batch's statistics.

    Args:
        graph: One input, one output.
        tensors: By the graph's names; taken over, not copied.
        trainable: Names of those that are parameters.
        input_shape: Of the input, without the batch axis.
    """

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, Tensor],
        *,
        trainable: frozenset[str],
        input_shape: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.graph = graph
        self.input_shape = input_shape
        self.quantization = False
        self._calibrated = False
        self._norm_momentum: float | None = None
        self._seen: dict[str, Range] | None = None
        for name, tensor in tensors.items():
            holder, leaf = _holder(self, name)
            if name in trainable:
                holder.register_parameter(leaf, nn.Parameter(tensor))
            else:
                holder.register_buffer(leaf, tensor)
        self._add_grids()
        self._steps = self._compile()

    @property
    def quantized(self) -> bool:
        """Whether any layer of the graph is quantized."""
        return any("weight_bits" in node.attributes for node in self.graph.nodes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output ``[N, ...]`` for ``inputs`` ``[N, *input_shape]``."""
        values: dict[str, Tensor] = {self.graph.inputs[0]: inputs}
        for step in self._steps:
            values[step.node.name] = self._run(step, [values[name] for name in step.node.inputs])
            for name in step.last_use_of:
                del values[name]
        return values[self.graph.outputs[0]]

    def activations(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the input and every node's output by name."""
        values: dict[str, Tensor] = {self.graph.inputs[0]: inputs}
        for step in self._steps:
            values[step.node.name] = self._run(step, [values[name] for name in step.node.inputs])
        return values

    @torch.no_grad()
    def recalibrate_norms(self, batches: Iterable[Tensor]) -> None:
        """Replace the running statistics of batch norms by the plain mean over ``batches``."""
        training = self.training
        self.eval()
        try:
            for number, batch in enumerate(batches):
                self._norm_momentum = 1.0 / (number + 1)
                self(batch)
        finally:
            self._norm_momentum = None
            self.train(training)

    @torch.no_grad()
    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the range of every quantized activation, and the clip of every weight of few bits.

        Args:
            batches: Normalized inputs ``[n, *input_shape]``; at least one.

        Raises:
            CandidateError: An activation is not finite, or there are no batches.
        """
        training, quantization = self.training, self.quantization
        self.eval()
        self.quantization = False
        self._seen = {}
        try:
            for batch in batches:
                self(batch)
            for node in self.graph.nodes:
                if node.operator == "quantize":
                    seen = self._seen.get(node.parameters["scale"])
                    if seen is None:
                        raise CandidateError("calibration needs at least one batch, got none")
                    scale, zero = _grid(node, seen)
                    if not bool(torch.isfinite(scale)):
                        raise CandidateError(f"the activation {node.inputs[0]!r} is not finite")
                    self._tensor(node.parameters["scale"]).copy_(scale)
                    self._tensor(node.parameters["zero_point"]).copy_(zero)
        finally:
            self._seen = None
            self.quantization = quantization
            self.train(training)
        for node in self.graph.nodes:
            if bits := node.integer("weight_bits"):
                weight = self._tensor(node.parameters["weight"])
                clip = best_clip(weight, bits, axis=output_axis(node))
                self._tensor(node.parameters["weight_clip"]).copy_(clip)
        self._calibrated = True

    @torch.no_grad()
    def program(self) -> Program:
        """Return what the file says.

        Raises:
            CandidateError: The network is quantized and was not calibrated.
        """
        if self.quantized and not self._calibrated:
            raise CandidateError("a quantized network must be calibrated before it has a file")
        tensors = {name: tensor.detach().cpu() for name, tensor in self.state_dict().items()}
        return fold(self.graph, tensors, self.input_shape)

    def mark_calibrated(self) -> None:
        """Trust the ranges that were loaded into the state."""
        self._calibrated = True

    def _run(self, step: _Step, inputs: list[Tensor]) -> Tensor:
        node = step.node
        if step.operation is not None:
            tensors = {role: owner[leaf] for role, owner, leaf in step.tensors}
            if step.bits and self.quantization:
                axis, weight = step.axis, tensors["weight"]
                grid = weight_step(weight, tensors["weight_clip"], step.bits, axis=axis)
                tensors["weight"] = fake_quantize_weight(weight, grid, step.bits, axis=axis)
            result: Tensor = step.operation(inputs, tensors, node.attributes)
            return result
        if node.operator == "batch_norm":
            return self._batch_norm(step, inputs[0])
        if node.operator == "dropout":
            return F.dropout(inputs[0], step.rate, self.training)
        return self._quantize(step, inputs[0])

    def _batch_norm(self, step: _Step, inputs: Tensor) -> Tensor:
        tensors = {role: owner[leaf] for role, owner, leaf in step.tensors}
        momentum = self._norm_momentum
        return F.batch_norm(
            inputs,
            tensors["running_mean"],
            tensors["running_var"],
            tensors.get("weight"),
            tensors.get("bias"),
            self.training or momentum is not None,
            step.rate if momentum is None else momentum,
            step.eps,
        )

    def _quantize(self, step: _Step, inputs: Tensor) -> Tensor:
        if self._seen is not None:
            self._seen.setdefault(step.node.parameters["scale"], Range()).see(inputs)
        if not self.quantization:
            return inputs
        tensors = {role: owner[leaf] for role, owner, leaf in step.tensors}
        scale, zero = tensors["scale"], tensors["zero_point"]
        assert scale is not None
        assert zero is not None
        return fake_quantize_activation(inputs, scale, zero)

    def _add_grids(self) -> None:
        """Register the buffers of quantization that the given tensors did not bring."""
        known = set(self.state_dict())
        for node in self.graph.nodes:
            for role, name in node.parameters.items():
                if name in known or role not in ("scale", "zero_point", "weight_clip"):
                    continue
                holder, leaf = _holder(self, name)
                if role == "weight_clip":
                    weight = self._tensor(node.parameters["weight"])
                    value = torch.ones(weight.shape[output_axis(node)], dtype=weight.dtype)
                else:
                    value = torch.tensor(1.0 if role == "scale" else 0.0, dtype=torch.float32)
                holder.register_buffer(
                    leaf, value.to(torch.int32) if role == "zero_point" else value
                )

    def _compile(self) -> list[_Step]:
        last: dict[str, str] = {}
        for node in self.graph.nodes:
            last.update(dict.fromkeys(node.inputs, node.name))
        freed: dict[str, list[str]] = {}
        for name, reader in last.items():
            if name not in self.graph.outputs:
                freed.setdefault(reader, []).append(name)
        return [
            _Step(
                node=node,
                operation=OPERATIONS.get(node.operator),
                tensors=self._owners(node),
                last_use_of=tuple(freed.get(node.name, ())),
            )
            for node in self.graph.nodes
        ]

    def _owners(self, node: Node) -> tuple[tuple[str, dict[str, Any], str], ...]:
        owners: list[tuple[str, dict[str, Any], str]] = []
        for role, name in node.parameters.items():
            holder, leaf = _holder(self, name)
            owner: dict[str, Any] = (
                holder._parameters if leaf in holder._parameters else holder._buffers
            )
            owners.append((role, owner, leaf))
        if node.operator in WEIGHT_OPERATORS and "bias" not in node.parameters:
            owners.append(("bias", {"": None}, ""))
        return tuple(owners)

    def _tensor(self, name: str) -> Tensor:
        holder, leaf = _holder(self, name)
        found = getattr(holder, leaf)
        assert isinstance(found, Tensor)
        return found


@dataclass(frozen=True, slots=True)
class _Step:
    """One node, ready to run.

    Tensors are looked up in the dictionaries of the modules that own them, so that moving the
    network to another device, or loading a state, is seen.
    """

    node: Node
    operation: Any
    tensors: tuple[tuple[str, dict[str, Any], str], ...]
    last_use_of: tuple[str, ...]

    @property
    def axis(self) -> int:
        return output_axis(self.node)

    @property
    def bits(self) -> int:
        return self.node.integer("weight_bits")

    @property
    def rate(self) -> float:
        """Momentum of a batch norm, rate of a dropout."""
        return self.node.number("momentum" if self.node.operator == "batch_norm" else "rate")

    @property
    def eps(self) -> float:
        return self.node.number("eps")


def _grid(node: Node, seen: Range) -> tuple[Tensor, Tensor]:
    """Return scale and zero point of a ``quantize``: its own, or what fits what was seen."""
    if "low" in node.attributes:
        return affine(node.number("low"), node.number("high"))
    return seen.grid()


def _holder(root: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the nested module that holds a tensor, made when it is not there, and its leaf."""
    *path, leaf = name.split(".")
    module = root
    for part in path:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module._modules[part]  # type: ignore[assignment]
    return module, leaf
