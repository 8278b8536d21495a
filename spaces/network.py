"""A torch module that executes a graph, trains on its file's grid, and says what the file is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit import CandidateError, Graph, Node, Program
from tightfit.spaces.bias_correction import Watch, correct_biases
from tightfit.spaces.deployed import Deployed
from tightfit.spaces.execution import DROPOUTS
from tightfit.spaces.fake_quantization import (
    FEW_CODES,
    Range,
    affine,
    best_clip,
    fake_quantize_activation,
    fake_quantize_weight,
    weight_step,
)
from tightfit.spaces.file_arithmetic import as_file, normed
from tightfit.spaces.folding import fold
from tightfit.spaces.learned_steps import round_to_learned_steps
from tightfit.spaces.settings import USUAL_ROUNDING, RoundingSettings
from tightfit.spaces.steps import Step, compiled, hold, owner_of


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
        rounding: How ranges are found, and what of them is trained.
    """

    def __init__(
        self,
        graph: Graph,
        tensors: Mapping[str, Tensor],
        *,
        trainable: frozenset[str],
        input_shape: tuple[int, ...],
        rounding: RoundingSettings = USUAL_ROUNDING,
    ) -> None:
        super().__init__()
        self.graph = graph
        self.input_shape = input_shape
        self.quantization = False
        self.rounding = rounding
        self._calibrated = False
        self._norm_momentum: float | None = None
        self._seen: dict[str, Range] | None = None
        self._learned: list[tuple[dict[str, Any], str]] = []
        for name, tensor in tensors.items():
            hold(self, name, nn.Parameter(tensor) if name in trainable else tensor)
        self._add_grids()
        self._steps = compiled(graph, self)
        self._folds = {step.norm.name for step in self._steps if step.limit and step.norm}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the network's own, even where a part of the model has its name."""
        if isinstance(value, Tensor | nn.Module):
            super().__setattr__(name, value)
        else:
            object.__setattr__(self, name, value)

    def get_submodule(self, target: str) -> nn.Module:
        """Return what holds a part's tensors, which may have the name of an attribute."""
        module: nn.Module = self
        for part in filter(None, target.split(".")):
            found = module._modules.get(part)
            if found is None:
                raise AttributeError(f"the network has no tensors under {target!r}")
            module = found
        return module

    @property
    def quantized(self) -> bool:
        """Whether any layer of the graph is quantized."""
        return any("weight_bits" in node.attributes for node in self.graph.nodes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output ``[N, ...]`` for ``inputs`` ``[N, *input_shape]``."""
        return self._execute(inputs, None)

    def activations(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return the input and every node's output by name."""
        values: dict[str, Tensor] = {self.graph.inputs[0]: inputs}

        def keep(node: Node, given: Tensor) -> Tensor:
            values[node.name] = given
            return given

        self._execute(inputs, keep)
        return values

    @torch.no_grad()
    def watched(self, inputs: Tensor, watch: Watch) -> None:
        """Run in evaluation mode; ``watch`` sees what each node gives, and may replace it."""
        training = self.training
        self.eval()
        try:
            self._execute(inputs, watch)
        finally:
            self.train(training)

    def learned_steps(self) -> list[Tensor]:
        """Return what learns beside the parameters: the clips of weights of few bits, per channel.

        They are buffers: a file has scales for every layer, whether they learned or not. From here
        on they have gradients; a network that is moved to another device is asked anew.
        """
        for buffers, leaf in self._learned:
            buffers[leaf] = buffers[leaf].detach().requires_grad_()
        return [buffers[leaf] for buffers, leaf in self._learned]

    def correct_biases(self, inputs: Tensor) -> None:
        """Take the mean error of rounding out of each channel; needs calibrated ranges.

        Args:
            inputs: Normalized, ``[n, *input_shape]``.
        """
        if self.quantized and self.rounding.corrected_biases:
            correct_biases(self, inputs)

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
        least_error = self.rounding.least_error_ranges
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
                    scale, zero = _grid(node, seen, least_error=least_error)
                    if not bool(torch.isfinite(scale)):
                        raise CandidateError(f"the activation {node.inputs[0]!r} is not finite")
                    self.tensor(node.parameters["scale"]).copy_(scale)
                    self.tensor(node.parameters["zero_point"]).copy_(zero)
        finally:
            self._seen = None
            self.quantization = quantization
            self.train(training)
        for node in self.graph.nodes:
            if limit := node.integer("weight_limit"):
                weight = self.tensor(node.parameters["weight"])
                clip = self.tensor(node.parameters["weight_clip"])
                clip.fill_(1.0)
                if least_error:
                    clip.copy_(best_clip(weight, limit))
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

    def deployed(self) -> Deployed:
        """Return what :meth:`program` says as a module in evaluation mode."""
        return Deployed(self.program()).eval()

    def mark_calibrated(self) -> None:
        """Trust the ranges that were loaded into the state."""
        self._calibrated = True

    def _execute(self, inputs: Tensor, watch: Watch | None) -> Tensor:
        values: dict[str, Tensor] = {self.graph.inputs[0]: inputs}
        for step in self._steps:
            given = self._run(step, [values[name] for name in step.node.inputs])
            values[step.node.name] = given if watch is None else watch(step.node, given)
            for name in step.last_use_of:
                del values[name]
        return values[self.graph.outputs[0]]

    def _run(self, step: Step, inputs: list[Tensor]) -> Tensor:
        node = step.node
        if step.operation is not None:
            if self.quantization and self._as_file and step.other_in_file:
                return as_file(step, inputs)
            tensors = step.operands()
            if step.limit and self.quantization:
                tensors["weight"] = self._rounded(step, tensors["weight"], tensors["weight_clip"])
            result: Tensor = step.operation(inputs, tensors, node.attributes)
            return result
        if node.operator == "batch_norm":
            if self.quantization and self._as_file:
                return inputs[0] if node.name in self._folds else normed(step, inputs[0])
            return self._batch_norm(step, inputs[0])
        if node.operator == "dropout":
            drop = DROPOUTS[node.attributes.get("kind", "each")]
            return drop(inputs[0], step.rate, self.training)
        return self._quantize(step, inputs[0])

    @property
    def _as_file(self) -> bool:
        """Whether what is computed is what the file says, norms folded, and not what learns."""
        return not self.training and self._norm_momentum is None

    def _rounded(self, step: Step, weight: Tensor, clip: Tensor) -> Tensor:
        limit = step.limit
        if clip.requires_grad:
            return round_to_learned_steps(weight, clip, limit)
        return fake_quantize_weight(weight, weight_step(weight, clip, limit), limit)

    def _batch_norm(self, step: Step, inputs: Tensor) -> Tensor:
        tensors = step.operands()
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

    def _quantize(self, step: Step, inputs: Tensor) -> Tensor:
        if self._seen is not None:
            self._seen.setdefault(step.node.parameters["scale"], Range()).see(inputs)
        if not self.quantization:
            return inputs
        tensors = step.operands()
        return fake_quantize_activation(inputs, tensors["scale"], tensors["zero_point"])

    def _add_grids(self) -> None:
        """Register the buffers of quantization that the given tensors did not bring."""
        known = set(self.state_dict())
        for node in self.graph.nodes:
            for role, name in node.parameters.items():
                if name in known or role not in ("scale", "zero_point", "weight_clip"):
                    continue
                if role == "weight_clip":
                    self._add_clip(node, name)
                else:
                    value = torch.tensor(1.0 if role == "scale" else 0.0, dtype=torch.float32)
                    hold(self, name, value.to(torch.int32) if role == "zero_point" else value)

    def _add_clip(self, node: Node, name: str) -> None:
        weight = self.tensor(node.parameters["weight"])
        hold(self, name, torch.ones(len(weight), dtype=weight.dtype))
        few = node.integer("weight_limit") <= FEW_CODES
        if few and weight.requires_grad and self.rounding.learned_steps:
            self._learned.append(owner_of(self, name))

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of the graph's."""
        owner, leaf = owner_of(self, name)
        found = owner[leaf]
        assert isinstance(found, Tensor)
        return found


def _grid(node: Node, seen: Range, *, least_error: bool) -> tuple[Tensor, Tensor]:
    """Return scale and zero point of a ``quantize``: its own, or what fits what was seen."""
    if "low" in node.attributes:
        return affine(node.number("low"), node.number("high"))
    return seen.grid(least_error=least_error)
