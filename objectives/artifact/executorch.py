"""Networks as ``.pte`` files for ExecuTorch, computed by XNNPACK as far as it can."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.fx.traceback import preserve_node_meta

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.extras import extra_module
from tightfit.objectives.runtimes.executorch import EXTRA, PACKAGE
from tightfit.objectives.runtimes.quiet import heard

_EXIR = "executorch.exir"
_XNNPACK = "executorch.backends.xnnpack.partition.xnnpack_partitioner"
_LACKING = re.compile(r"Operator torch\._ops\.(\w+\.\w+)|Missing out variants: \{'(\w+::\w+)")


def write_executorch(
    module: nn.Module, input_shape: tuple[int, ...], path: Path, *, metadata: Mapping[str, str]
) -> int:
    """Write a network as one ``.pte`` file for a single picture and return the file's bytes.

    Operators without a kernel in XNNPACK run in ExecuTorch's own, which are portable and slow.

    Args:
        module: In evaluation mode; its operators are annotated with the ``layer`` they belong to,
            and roundings are pairs of ``quantized_decomposed`` operators.
        input_shape: Without the batch axis.
        path: Of the file; its folder exists.
        metadata: Kept in the file, each text as what a method of its name returns.

    Raises:
        CandidateError: An operator that ExecuTorch lacks.
        SpecError: The extra ``executorch`` is not installed, or the folder cannot be written.
    """
    with heard(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the library itself calls
        exir, xnnpack = (
            extra_module(name, package=PACKAGE, extra=EXTRA) for name in (_EXIR, _XNNPACK)
        )
        with preserve_node_meta():  # else the annotations are dropped
            exported = torch.export.export(module.eval(), (torch.zeros(1, *input_shape),))
        try:
            lowered = exir.to_edge_transform_and_lower(
                exported,
                partitioner=[xnnpack.XnnpackPartitioner()],
                constant_methods=dict(metadata),
            )
            content: bytes = lowered.to_executorch().buffer
        except Exception as error:  # its passes raise whatever they met, and Exception itself
            raise _refusal(error, exported) from error
    write_atomically(path, content)
    return len(content)


def _refusal(error: Exception, exported: Any) -> CandidateError:
    """Return what ExecuTorch could not take, with the operator and its layers where it is told."""
    found = _LACKING.search(str(error))
    if found is None:
        reason = " ".join(f"{error} {error.__cause__ or ''}".split())
        return CandidateError(f"executorch could not take the network: {reason}")
    operator = next(filter(None, found.groups())).replace("::", ".")
    layers = [
        repr(node.meta["custom"]["layer"])
        for node in exported.graph.nodes
        if str(node.target).startswith(f"{operator}.") and "layer" in node.meta.get("custom", {})
    ]
    place = f"at {', '.join(dict.fromkeys(layers))}" if layers else "which another is made of"
    return CandidateError(f"executorch lacks the operator {operator!r}, {place}")
