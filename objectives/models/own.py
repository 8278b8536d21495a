"""Networks of the user's own."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import cast

from torch import nn
from torch.nn.parameter import UninitializedParameter

from tightfit import SpecError
from tightfit.objectives.models.built import Built
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.user_code import load_object


def build_own(
    name: str, *, folder: Path, input_shape: tuple[int, ...], classes: int | None
) -> Built:
    """Return what the user's ``module:function`` builds.

    The function (or class) takes no arguments, or any of ``input_shape`` and ``classes``. A module
    that is there already is copied. Nothing is fitted: it must suit its data as it is. Its
    "published" weights are those it comes with.

    Raises:
        SpecError: No such function, it fails, or it returns no ``torch.nn.Module``.
    """
    found = load_object(name, folder=folder)
    if isinstance(found, nn.Module):
        module: object = copy.deepcopy(found)
    elif callable(found):
        module = _call(name, found, {"input_shape": input_shape, "classes": classes})
    else:
        raise SpecError(
            f"the model {name!r} must be a function that returns a torch.nn.Module, "
            f"got {type(found).__name__}"
        )
    if not isinstance(module, nn.Module):
        raise SpecError(
            f"the model {name!r} must return a torch.nn.Module, got {type(module).__name__}"
        )
    module = _plain(name, module)
    weights = {key: value.clone() for key, value in tensors_of(module).items()}
    return Built(module, convolution="", classifier="", published=lambda: weights)


def _plain(name: str, module: nn.Module) -> nn.Module:
    """Return a network as every study has it: on the CPU, in float32, ready to be evaluated.

    Raises:
        SpecError: Its weights are not there, or it has no mode of evaluation.
    """
    if isinstance(module, nn.DataParallel):
        return _plain(name, module.module)
    if any(isinstance(each, UninitializedParameter) for each in module.parameters()):
        raise SpecError(
            f"the model {name!r} is lazy, and its weights have no shape yet; run it once on an "
            "input before it is returned"
        )
    try:
        return module.cpu().float().eval()
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SpecError(
            f"the model {name!r} cannot be put on the CPU, in float32 and evaluation mode: "
            f"{reason}; return the module as it was made, with its weights"
        ) from error


def _call(name: str, function: object, offered: dict[str, object]) -> object:
    build = cast(Callable[..., object], function)
    try:
        asked = inspect.signature(build).parameters
        return build(**{key: value for key, value in offered.items() if key in asked})
    # The user's own code may fail in any way.
    except Exception as error:
        raise SpecError(f"the model {name!r} failed: {type(error).__name__}: {error}") from error
