"""From a torch module to its exported program, by :func:`torch.export.export`.

It runs the module's own Python once with tensors that have no numbers, so that functional calls,
loops and conditions on shapes are all seen, and it fails loudly where the flow depends on data.
`torch.fx`'s symbolic tracing knows less: it stops at conditions and sees functional calls without
their shapes.
"""

from __future__ import annotations

import io
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import torch
from torch import Tensor, fx, nn

from tightfit import SpecError
from tightfit.spaces.einsum import products_for_letters
from tightfit.spaces.layout_rules import BATCH

LIMIT_SECONDS = 180.0


def export(module: nn.Module, example: Tensor) -> Any:
    """Return the program of a module for `BATCH` inputs.

    Args:
        module: In evaluation mode; it may be changed.
        example: One input ``[1, ...]``.

    Raises:
        SpecError: An input that does not fit, control flow that depends on data, several outputs,
            or a trace that takes too long.
    """
    single = example.cpu().float()
    try:
        with torch.no_grad():
            output = module(torch.cat([single, single]))
    except Exception as error:
        raise SpecError(
            f"the model cannot read an input of shape {list(example.shape)}: {_first_line(error)}"
        ) from error
    if not isinstance(output, Tensor):
        raise SpecError(f"the model must give one tensor, it gives a {type(output).__name__}")
    module.train().eval()
    # As large a batch as no network has: whatever is counted by it shows. It takes no memory, and
    # unlike a symbol it may pass through `len` and every other function of Python.
    batch = single.expand(BATCH, *single.shape[1:])
    try:
        with _silence(), products_for_letters(), _time_limit(LIMIT_SECONDS):
            return _functional(torch.export.export(module, (batch,)))
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            "the model cannot be traced by torch.export "
            f"({_first_line(error)}); control flow that depends on data has to go"
        ) from error


def _functional(program: Any) -> Any:
    """Return the program without writes into parts of tensors."""
    writes = any(
        node.target._schema.is_mutable and _is_part(node.args[0])
        for node in program.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload)
    )
    return program.run_decompositions({}) if writes else program


def _is_part(source: Any) -> bool:
    """Whether a value shares its numbers with another one, as a slice does."""
    if not isinstance(source, fx.Node) or not isinstance(source.target, torch._ops.OpOverload):
        return False
    found = source.target._schema.returns[0].alias_info
    return found is not None and not found.is_write


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise where the inside takes longer; only a main thread can be interrupted so.

    Raises:
        SpecError: The time is up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise SpecError(
            f"the model took longer than {seconds:g} s to trace; a loop over the pictures of a "
            "batch, or over very many steps, has to go"
        )

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
