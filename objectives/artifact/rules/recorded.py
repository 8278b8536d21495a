"""The emission rule of recorded calls: torch translates them, and their nodes are put in place."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from onnx import GraphProto, ModelProto
from torch import Tensor, nn

from tightfit.calls import Calls, Shape, recorded
from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.artifact.attributes import text
from tightfit.objectives.artifact.emitter import Scope, Value
from tightfit.objectives.artifact.translation_error import translation_error
from tightfit.objectives.extras import extra_module

EXTRA = "operators"
_PICTURES = 3
"""In the example of a batch; a runtime takes any number."""

_UNKNOWN = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
_COLORS = re.compile(r"\x1b\[[\d;]*m")

_Numbers = tuple[str, str, tuple[int, ...], bytes]
"""Of a constant: its role, its type as numpy names it, its shape, and the numbers."""


def aten(scope: Scope) -> Value:
    """Nodes that `torch.onnx` makes of the calls; floats stand beside them, all else in them.

    Raises:
        SpecError: There is no translation that computes the same, or the package that makes it is
            not installed.
    """
    tensors = {role: scope.tensor(role) for role in scope.node.parameters}
    floats = {role: array for role, array in tensors.items() if array.dtype.kind == "f"}
    constants = tuple(
        (role, array.dtype.str, array.shape, array.tobytes())
        for role, array in tensors.items()
        if role not in floats
    )
    graph = _translated(
        text(scope.node, "calls", ""),
        text(scope.node, "reason", ""),
        scope.emitter.opset,
        tuple((role, array.shape) for role, array in floats.items()),
        constants,
    )
    beside = map(scope.shared, floats.values())
    return scope.inlined(graph, [*scope.floats(), *beside])


def named(name: str) -> Any:
    """Return what torch has under a name with dots."""
    return attrgetter(name)(torch)


class _Called(nn.Module):
    """Calls with constants of their own, of inputs and then floats by role."""

    def __init__(self, calls: Calls, roles: list[str], constants: dict[str, Tensor]) -> None:
        super().__init__()
        self._calls, self._roles, self._constants = calls, roles, list(constants)
        for role, tensor in constants.items():
            self.register_buffer(role, tensor)

    def forward(self, *given: Tensor) -> Tensor:
        inputs = given[: len(self._calls.reads)]
        parameters = {role: self.get_buffer(role) for role in self._constants}
        parameters |= dict(zip(self._roles, given[len(inputs) :], strict=True))
        result: Tensor = self._calls.run(inputs, parameters, named=named)
        return result


@lru_cache(maxsize=256)
def _translated(
    calls_text: str,
    reason: str,
    opset: int,
    floats: tuple[tuple[str, tuple[int, ...]], ...],
    constants: tuple[_Numbers, ...],
) -> GraphProto:
    """Return the graph of a node's calls, its inputs in order, then the floats.

    What reads and gives whole axes is the same in every candidate: it is translated once.
    """
    calls = recorded(calls_text)
    buffers = {
        role: torch.from_numpy(np.frombuffer(bytearray(content), kind).reshape(shape))
        for role, kind, shape, content in constants
    }
    module = _Called(calls, [role for role, _ in floats], buffers).eval()
    shapes = [*calls.reads, *(shape for _, shape in floats)]
    example = tuple(
        torch.zeros([-side * _PICTURES if side < 0 else side for side in shape]) for shape in shapes
    )
    extra_module("onnxscript", package="onnxscript", extra=EXTRA)
    try:
        with _silence():
            found: Any = torch.onnx.export(
                module,
                example,
                dynamo=True,
                opset_version=opset,
                verbose=False,
                dynamic_shapes=(tuple(map(_batches, shapes)),),
            )
        model = found.model_proto
    except Exception as error:
        raise SpecError(
            f"{reason}; torch.onnx cannot translate it either: {_first_cause(error)}; compute it "
            "by other operators, or outside of the model"
        ) from error
    if not _fits(model, opset, calls.gives):
        raise SpecError(
            f"{reason}; torch.onnx cannot translate it for any number of pictures either, in "
            f"operators of the version {opset}"
        )
    _check_numbers(model, shapes, module, reason)
    return _stripped(model.graph)


def _first_cause(error: BaseException) -> str:
    """Return in one line what went wrong first: torch wraps it in advice about its own code."""
    while error.__cause__ is not None:
        error = error.__cause__
    unknown = _UNKNOWN.search(str(error))
    if unknown is not None:
        return f"it knows no {unknown[1]!r}"
    return _COLORS.sub("", str(error)).strip().partition("\n")[0] or type(error).__name__


def _check_numbers(model: ModelProto, shapes: list[Shape], module: nn.Module, reason: str) -> None:
    """Compare a translation with what it was made of.

    Raises:
        SpecError: It computes something else, or does not run.
    """
    try:
        error = translation_error(model, shapes, lambda given: module(*given))
    except MeasurementError as failure:
        raise SpecError(f"{reason}; of its translation by torch.onnx, {failure}") from failure
    if error:
        raise SpecError(
            f"{reason}; torch.onnx translates it wrongly: its results are off by {error:.1%} of "
            "the largest one"
        )


def _fits(model: ModelProto, opset: int, gives: Shape) -> bool:
    """Whether a translation has operators of one version alone, and a batch of any size."""
    domains = {node.domain for node in model.graph.node} - {""}
    versions = {each.version for each in model.opset_import if not each.domain}
    sides = [axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim]
    free = not any(fixed and side < 0 for fixed, side in zip(sides, gives, strict=True))
    return not domains and versions == {opset} and free


def _batches(shape: Shape) -> dict[int, Any]:
    return {axis: torch.export.Dim.DYNAMIC for axis, side in enumerate(shape) if side < 0}


def _stripped(graph: GraphProto) -> GraphProto:
    """Return a graph without what only says where its nodes come from."""
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    del graph.value_info[:]
    return graph


@contextmanager
def _silence() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
