"""From a torch module to its exported program, by :func:`torch.export.export`.

It runs the module's own Python once with tensors that have no numbers, so that functional calls,
loops and conditions on shapes are all seen, and it fails loudly where the flow depends on data.
`torch.fx`'s symbolic tracing knows less: it stops at conditions and sees functional calls without
their shapes.
"""

from __future__ import annotations

import io
import logging
import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from tightfit import SpecError
from tightfit.spaces.einsum import products_for_letters
from tightfit.spaces.exported_nodes import is_written
from tightfit.spaces.inlining import inlined
from tightfit.spaces.layout_rules import BATCH
from tightfit.spaces.masks import NumbersForMasks
from tightfit.spaces.places import first_line, origin


def export(module: nn.Module, single: Tensor) -> Any:
    """Return the program of a module for `BATCH` inputs.

    Args:
        module: In evaluation mode; it may be changed.
        single: One input ``[1, ...]``, float32.

    Raises:
        SpecError: Control flow that depends on data, or another thing that torch cannot trace.
    """
    # As large a batch as no network has: whatever is counted by it shows. It takes no memory, and
    # unlike a symbol it may pass through `len` and every other function of Python.
    batch = single.expand(BATCH, *single.shape[1:])
    masks = NumbersForMasks(module)
    # What is expanded has no strides of its own, and some views of an input need them.
    hook = module.register_forward_pre_hook(
        lambda _module, given: (given[0].contiguous(), *given[1:]), prepend=True
    )
    try:
        with _silence(), products_for_letters(), masks:
            return _functional(inlined(torch.export.export(module, (batch,))))
    except SpecError:
        raise
    except GuardOnDataDependentSymNode as error:
        mask = "; of a mask that it indexes by, keep mask.nonzero() as a buffer"
        raise SpecError(
            f"the model has control flow that depends on data, in {origin(error, module)}; a "
            "network that is traced does the same for every input: let it choose by shapes, or by "
            f"arithmetic{mask if masks.computed else ''}"
        ) from error
    except Exception as error:
        raise SpecError(
            f"the model cannot be traced by torch.export, in {origin(error, module)}: "
            f"{first_line(error)}; NumPy, hooks, exported graphs, and whatever else is not plain "
            "Python with torch's operators have to go"
        ) from error
    finally:
        hook.remove()


def _functional(program: Any) -> Any:
    """Return the program without writes into parts, under parts, or into what is no float."""
    writes = any(
        is_written(node)
        and (
            _is_part(node.args[0])
            or not node.meta["val"].is_floating_point()
            or _has_parts_later(node)
        )
        for node in program.graph.nodes
        if isinstance(node.meta.get("val"), Tensor)
    )
    return program.run_decompositions({}) if writes else program


def _has_parts_later(node: fx.Node) -> bool:
    """Whether a part that was taken of what a node writes into is read after it was written."""
    waiting = [reader for reader in node.all_input_nodes[0].users if reader < node]
    while waiting:
        part = waiting.pop()
        if _is_part(part):
            if any(node < reader for reader in part.users):
                return True
            waiting += part.users
    return False


def _is_part(source: Any) -> bool:
    """Whether a value shares its numbers with another one, as a slice does."""
    if isinstance(source, fx.Node) and source.target is operator.getitem:
        return _is_part(source.args[0])
    if not isinstance(source, fx.Node) or not isinstance(source.target, torch._ops.OpOverload):
        return False
    found = source.target._schema.returns[0].alias_info
    return found is not None and not found.is_write


@contextmanager
def _silence() -> Iterator[None]:
    """Keep half-traced graphs off the screen: the error's first line says what is wrong.

    Torch logs some of them and prints the others; it warns of tables that a module keeps.
    """
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
