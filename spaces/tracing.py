"""From any torch module to a graph: each operator of its exported program becomes ours."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tightfit import WEIGHT_OPERATORS, Graph, SpecError
from tightfit.spaces.conditions import LIMIT_SECONDS, plain_arithmetic, time_limit
from tightfit.spaces.exported import export
from tightfit.spaces.graph_writer import INPUT
from tightfit.spaces.layout_rules import BATCH
from tightfit.spaces.network import Network
from tightfit.spaces.places import first_line, place, place_of
from tightfit.spaces.received import evaluated, received
from tightfit.spaces.recording import OPERATOR
from tightfit.spaces.rehearsal import rehearse, run
from tightfit.spaces.translator import Translator

RUNS = 10
"""Times that a rehearsal takes, for all runs behind it: a very large network takes its time."""
_TOLERANCE = 1e-3
"""Of the largest output: rounding in another order is far below, another graph far above."""
_ROUNDINGS = 10
"""Times what one rounding of the input does, for all of those within."""
_NO_DERIVATIVE = re.compile(r"derivative for '?(?:aten::)?(\w+).* is not implemented")
"""Torch's message, which names the operator, or one of its arguments behind a colon."""
_SMALLEST = 1e-30
"""Largest output that is divided by, so that outputs of nothing but zeros are compared as well."""

__all__ = ["BATCH", "INPUT", "Traced", "trace"]


@dataclass(frozen=True, slots=True)
class Traced:
    """A network as a graph with its tensors.

    Attributes:
        graph: One input, named ``input``, and one output.
        tensors: Parameters and buffers by the names they have in the module's state dict.
        trainable: Names of those that are parameters.
        input_shape: Of the input, without the batch axis.
        computed: By name of a weight that the module computes, the parameters that it computes it
            from; here it is one parameter.
    """

    graph: Graph
    tensors: dict[str, Tensor]
    trainable: frozenset[str]
    input_shape: tuple[int, ...]
    computed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def trace(model: nn.Module, example: Tensor) -> Traced:
    """Return what a model computes in evaluation mode, in float32.

    Parameters that are frozen (``requires_grad=False``) are parameters like the others.

    Args:
        model: Left as it is, its mode included.
        example: One input ``[1, ...]``; its values do not matter.

    Raises:
        SpecError: Not a module, an input that does not fit, control flow that depends on data, an
            operator without a rule, several outputs, nothing that has weights, weights that are not
            there or not finite, outputs that are not the same each time, or too long a time.
    """
    if not isinstance(example, Tensor) or example.shape[:1] != (1,):
        shape = list(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise SpecError(f"the example must be one input as a tensor [1, ...], got {shape}")
    _check_example(example)
    module, single = received(model), example.cpu().float()
    began = time.monotonic()
    with time_limit(LIMIT_SECONDS), plain_arithmetic():
        rehearse(module, single)
    runs = RUNS * (time.monotonic() - began)
    with time_limit(LIMIT_SECONDS + runs), plain_arithmetic():
        with _sides_like_batches(module):
            traced = _traced(export(evaluated(module), single), input_shape=tuple(single.shape[1:]))
        _check_numbers(traced, module)
        _check_norms(traced, module)
        _check_outputs(traced, module)
    return traced


def check_agreement(traced: Traced, model: nn.Module) -> None:
    """Compare a graph with the model that it is of, for inputs of the graph's shape.

    Raises:
        SpecError: They differ, or the model cannot read such inputs.
    """
    module = evaluated(received(model))
    with time_limit(LIMIT_SECONDS), plain_arithmetic():
        _check_outputs(traced, module)


def _check_example(example: Tensor) -> None:
    """Refuse what has no numbers, or none that are real.

    Raises:
        SpecError: It is on the device 'meta', complex, quantized or sparse.
    """
    kinds = {
        "on the device 'meta'": example.is_meta,
        f"of {example.dtype}": example.is_complex() or example.is_quantized,
        f"of the layout {example.layout}": example.layout is not torch.strided,
    }
    for kind, found in kinds.items():
        if found:
            raise SpecError(f"the example must be a dense tensor of real numbers, got one {kind}")


@contextmanager
def _sides_like_batches(module: nn.Module) -> Iterator[None]:
    """Say of a refusal that it may come from a side which is taken for a batch."""
    try:
        yield
    except SpecError as error:
        for name, tensor in module.named_parameters():
            if any(side and side % BATCH == 0 for side in tensor.shape):
                raise SpecError(
                    f"{error}; the shape of {name!r} is {list(tensor.shape)}, and sides that "
                    f"{BATCH} divides may be taken for a batch: make this one another"
                ) from error
        raise


def _traced(program: Any, *, input_shape: tuple[int, ...]) -> Traced:
    translator = Translator(program)
    graph = translator.graph()
    if not any(node.operator in WEIGHT_OPERATORS for node in graph.nodes):
        raise SpecError(_without_layers(graph))
    used = {name for node in graph.nodes for name in node.parameters.values()}
    kept, computed = translator.constants.kept, translator.computed
    state = {**program.state_dict, **program.constants, **kept, **computed.tensors}
    parameters = {*program.graph_signature.parameters, *computed.tensors}
    return Traced(
        graph=graph,
        tensors={name: state[name].detach().clone() for name in sorted(used)},
        trainable=frozenset(used & parameters),
        input_shape=input_shape,
        computed=computed.sources,
    )


def _without_layers(graph: Graph) -> str:
    """Say that nothing can be compressed, and why where there are weights without a rule."""
    message = "the model has no convolution and no linear layer"
    weighted = [node for node in graph.nodes if node.operator == OPERATOR and node.parameters]
    if not weighted:
        return f"{message}; nothing to compress"
    return f"{message} that can be compressed: {weighted[0].attributes['reason']}"


def _check_norms(traced: Traced, module: nn.Module) -> None:
    """Refuse norms whose momentum falls from batch to batch: a graph has one number for it.

    Raises:
        SpecError: A batch norm keeps the mean over all batches.
    """
    parts = dict(module.named_modules())
    for node in traced.graph.nodes:
        if node.operator == "batch_norm" and not node.number("momentum"):
            path = node.parameters["running_mean"].rpartition(".")[0]
            norm = parts.get(path)
            if isinstance(norm, nn.modules.batchnorm._NormBase) and norm.momentum is None:
                raise SpecError(
                    f"the batch norm {place(path, type(norm).__name__)} keeps the mean over all "
                    "batches (momentum=None), which has no rule; set its momentum, 0.1 is usual"
                )


def _check_numbers(traced: Traced, module: nn.Module) -> None:
    """Refuse weights that mean nothing. Constants may be infinite: a mask is.

    Raises:
        SpecError: NaN, an infinite parameter, or a parameter without numbers.
    """
    held = {*module.state_dict(), *traced.computed}
    for name, tensor in traced.tensors.items():
        if name in held and name in traced.trainable and not tensor.numel():
            raise SpecError(
                f"the tensor {name!r} of {place_of(name, module)} must have numbers, its shape is "
                f"{list(tensor.shape)}; leave the layer out"
            )
        good = tensor.isfinite() if name in traced.trainable else ~tensor.isnan()
        if name in held and not bool(good.all()):
            raise SpecError(
                f"the tensor {name!r} of {place_of(name, module)} must be finite, and "
                f"{int((~good).sum()):,} of its {tensor.numel():,} numbers are not; give weights "
                "from before the training diverged"
            )


def _check_outputs(traced: Traced, module: nn.Module) -> None:
    """Run both on noise: what the module does beyond its operators shows.

    Raises:
        SpecError: The graph gives something else than the module, or the module something else for
            an input alone than in a batch.
    """
    shape, generator = (2, *traced.input_shape), torch.Generator().manual_seed(0)
    noise = torch.randn(shape, generator=generator, dtype=torch.float32)
    tensors = {name: tensor.clone() for name, tensor in traced.tensors.items()}
    network = Network(
        traced.graph, tensors, trainable=traced.trainable, input_shape=traced.input_shape
    )
    expected, alone = run(module, noise), run(module, noise[1:])
    where = place("", type(module).__name__)
    try:
        found = network.eval()(noise)
    except (RuntimeError, ValueError) as error:
        raise SpecError(
            f"the graph of {where} counts the inputs of a batch, and cannot be run for two of "
            f"them: {first_line(error)}"
        ) from error
    _check_derivatives(network, noise)
    if not (away := _away(found, expected)) <= _TOLERANCE:  # NaN is far away
        raise SpecError(
            f"the traced graph differs from {where} by {away:.3g} of its largest output on noise; "
            "a model that computes with chance, with the size of its batch, or with what it kept "
            "from its last call cannot be traced"
        )
    away = _away(alone, expected[1:])
    if not (away <= _TOLERANCE or away <= _ROUNDINGS * _amplified(module, noise[1:], alone)):
        raise SpecError(
            f"{where} gives another output for an input alone than for the same one in a batch, by "
            f"{away:.3g} of its largest; one input must not depend on the others, on how many they "
            "are, or on the last call"
        )


def _check_derivatives(network: Network, noise: Tensor) -> None:
    """Refuse recorded calls that torch has no derivative of: no candidate could be trained.

    Raises:
        SpecError: A parameter lies in front of one.
    """
    recorded = [node for node in network.graph.nodes if node.operator == OPERATOR]
    if not recorded:
        return
    try:
        with torch.enable_grad():
            network(noise).sum().backward()
    except (RuntimeError, NotImplementedError) as error:
        found = _NO_DERIVATIVE.search(str(error))
        if found is None:
            return  # what else goes wrong depends on the mode and the batch
        named = [node for node in recorded if f"{found[1]}." in str(node.attributes["calls"])]
        reason = (named or recorded)[0].attributes["reason"]
        raise SpecError(
            f"{reason}, and torch has no derivative of it: no candidate could be trained"
        ) from error


def _amplified(module: nn.Module, noise: Tensor, expected: Tensor) -> float:
    """Return what rounding the input anew does to the output, as a share of its largest.

    Kernels round an input alone otherwise than in a batch, and a deep network that was never
    trained may make any difference of that. It is nothing where the same input gives another output
    from call to call: then it is not rounding that makes the difference.
    """
    if not torch.allclose(run(module, noise), expected, rtol=0, atol=0, equal_nan=True):
        return 0.0
    rounded = noise * (1 + 2 * torch.finfo(noise.dtype).eps)
    return _away(run(module, rounded), expected)


def _away(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference as a share of the largest output.

    Untrained weights may overflow on noise: then both must overflow in the same places, and only
    what is finite is compared.
    """
    if found.numel() != expected.numel():
        return math.inf
    found, finite = found.reshape(expected.shape), expected.isfinite()
    if not bool(finite.any()):
        return 0.0
    if not torch.equal(found.isfinite(), finite):
        return math.inf
    found, expected = found[finite], expected[finite]
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(_SMALLEST))
