"""Weights from files. Nothing in a file is ever run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tightfit import SpecError

State = Mapping[str, Tensor]

_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PARALLEL = "module."


def tensors_of(module: nn.Module) -> State:
    """Return the tensors of a module's state dict; modules may keep other things in theirs."""
    state: Mapping[str, object] = module.state_dict()
    return {name: value.detach() for name, value in state.items() if isinstance(value, Tensor)}


def read_weights(path: Path) -> State:
    """Return the tensors of a ``.safetensors`` file or of a saved state dict, by name.

    Numbers of half precision become float32. A training checkpoint's ``state_dict`` or ``model`` is
    taken out of it, and the ``module.`` that parallel training puts before each name is taken off.

    Raises:
        SpecError: No such file, an empty one, or one that holds anything but tensors.
    """
    if not path.is_file():
        raise SpecError(f"the weights {path} are not there; write a path beside the study file")
    if path.stat().st_size == 0:
        raise SpecError(f"the weights {path} are an empty file")
    if path.suffix == ".safetensors":
        try:
            state: object = load_file(path)
        except (SafetensorError, OSError) as error:
            raise SpecError(f"{path} is not a safetensors file, or is cut off: {error}") from error
    else:
        state = _read_saved(path)
    return _as_state(state, path)


def _read_saved(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # What is no saved state dict fails wherever torch's reader happens to stumble.
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        reason = type(error).__name__
        raise SpecError(
            f"{path} is not a state dict saved by torch.save, or is cut off ({reason}); "
            "save it with torch.save(model.state_dict(), PATH), or as .safetensors"
        ) from error


def _as_state(content: object, path: Path) -> State:
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not content:
        raise SpecError(f"{path} must hold a state dict, got {type(content).__name__}")
    state: dict[str, Tensor] = {}
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise SpecError(
                f"{path} must hold tensors by name, {name!r} is {type(value).__name__}; "
                "save it with torch.save(model.state_dict(), PATH)"
            )
        state[str(name)] = value.float() if value.is_floating_point() else value
    if all(name.startswith(_PARALLEL) for name in state):
        return {name.removeprefix(_PARALLEL): value for name, value in state.items()}
    return state
