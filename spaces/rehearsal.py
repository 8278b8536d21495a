"""Runs a model before it is traced: does it read any number of inputs, and always say the same?"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np
import torch
from torch import Tensor, nn

from tightfit import SpecError
from tightfit.spaces.places import first_line, origin, place


def rehearse(module: nn.Module, single: Tensor) -> None:
    """Run a model on two inputs at once.

    Args:
        module: In evaluation mode; it may be changed.
        single: One input ``[1, ...]``, float32.

    Raises:
        SpecError: It cannot read such inputs, gives something else than one tensor, or draws random
            numbers.
    """
    before = _chance()
    try:
        run(module, torch.cat([single, single]))
    except SpecError as error:
        if _runs(module, single):
            raise SpecError(
                f"{error}. One alone it reads: write x.size(0) for a fixed 1"
            ) from error
        raise
    if _chance() != before:
        raise SpecError(
            f"{place('', type(module).__name__)} draws random numbers when it is evaluated; let it "
            "draw them in training alone, `if self.training`"
        )


def run(module: nn.Module, inputs: Tensor) -> Tensor:
    """Return a model's output ``[n, ...]`` for inputs ``[n, ...]``, which it may write into.

    Raises:
        SpecError: It fails, or gives something else than one tensor.
    """
    try:
        output = module(inputs.clone())
    # Whatever a user's own code may raise, an exit among it.
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"the model cannot read inputs of shape {list(inputs.shape)}, float32, on the CPU: "
            f"{origin(error, module)}: {first_line(error)}; it must read a batch of any size, and "
            "nothing else"
        ) from error
    if isinstance(output, Tensor) and output.numel():
        return output
    raise SpecError(
        f"the model must give one tensor, it gives {_kind(output)}; wrap it in a module whose "
        "forward returns the one that is scored"
    )


def _runs(module: nn.Module, inputs: Tensor) -> bool:
    try:
        run(module, inputs)
    except SpecError:
        return False
    return True


def _kind(output: object) -> str:
    """Return what a model gives in place of a tensor, with the names of its parts."""
    if isinstance(output, Tensor):
        return f"one without numbers, {list(output.shape)}"
    kind, names = type(output).__name__, list[str]()
    if isinstance(output, Mapping):
        names = [repr(key) for key in output]
    elif is_dataclass(output):
        names = [repr(field.name) for field in fields(output)]
    elif isinstance(output, tuple | list):
        names = [type(part).__name__ for part in output]
    return f"a {kind} of {', '.join(names)}" if names else f"a {kind}"


def _chance() -> tuple[object, ...]:
    """Return the states of all generators of random numbers that a model may draw from."""
    torchs, numpys = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]
    return torchs.numpy().tobytes(), random.getstate(), numpys["key"].tobytes(), numpys["pos"]
