"""The copy of a user's model that is traced: plain modules, in float32, on the CPU.

What a model has from its training is taken off the copy: wrappers of parallel training and of
compilers, and masks and parametrizations, which are written into the weights.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm

from tightfit import SpecError
from tightfit.spaces.places import first_line, place, place_of

_WRAPPERS: tuple[tuple[type[nn.Module], str], ...] = (
    (nn.DataParallel, "module"),
    (nn.parallel.DistributedDataParallel, "module"),
    (torch.optim.swa_utils.AveragedModel, "module"),
    (torch._dynamo.OptimizedModule, "_orig_mod"),
)
"""Classes that only hand their inputs on, and where they keep the module that they hand them to."""

_QUANTIZED = (
    "torch.ao.nn.quantized",
    "torch.ao.nn.qat",
    "torch.ao.nn.intrinsic.quantized",
    "torch.ao.nn.intrinsic.qat",
    "torch.ao.quantization.fake_quantize",
    "torch.ao.quantization.observer",
)


def received(model: object) -> nn.Module:
    """Return the copy of a model that can be traced, in evaluation mode; the model stays as it is.

    Raises:
        SpecError: Not a module of Python's, weights that are not there or are no floats, modules
            that are quantized already, or what cannot be copied.
    """
    if not isinstance(model, nn.Module):
        raise SpecError(f"the model must be a torch.nn.Module, got {_instead(model)}")
    if not isinstance(model, torch.jit.ScriptModule) and "_modules" not in vars(model):
        raise SpecError(
            f"the __init__ of {place('', type(model).__name__)} must call super().__init__()"
        )
    model = _unwrapped(model)
    for path, part in model.named_modules():
        _check_part(part, place(path, type(part).__name__))
    for name, tensor in _tensors(model):
        _check_tensor(tensor, f"the tensor {name!r} of {place_of(name, model)}")
    with torch.inference_mode(False):
        copied = _copied(model)
        for parent in list(copied.modules()):
            for name, child in list(parent.named_children()):
                if (inner := _unwrapped(child)) is not child:
                    setattr(parent, name, inner)
        copied = evaluated(copied.cpu())
        for path, part in copied.named_modules():
            _write_out(part, place(path, type(part).__name__))
        return copied.float()


def evaluated(module: nn.Module) -> nn.Module:
    """Put a module into evaluation mode, fresh: without what it kept while it was evaluated.

    Some networks keep tables while they are evaluated, and forget them when they are trained.

    Raises:
        SpecError: It has no such mode.
    """
    # One that refuses to be trained has no tables to forget.
    with suppress(Exception):
        module.train()
    try:
        return module.eval()
    except Exception as error:
        raise SpecError(
            f"{place('', type(module).__name__)} cannot be put into evaluation mode "
            f"({first_line(error)}); give the module that it was made from"
        ) from error


def _instead(thing: object) -> str:
    """Say what was given in place of a model, and what to do with it."""
    if isinstance(thing, str | os.PathLike):
        return f"the path {os.fspath(thing)!r}; build the network and load the weights into it"
    if isinstance(thing, Mapping):
        return "a state dict; build the network and give what load_state_dict() was called on"
    if isinstance(thing, type):
        return f"the class {thing.__name__}; give an object of it, {thing.__name__}(...)"
    if isinstance(thing, torch.export.ExportedProgram):
        return "an ExportedProgram; give the module that it was exported from"
    return type(thing).__name__


def _unwrapped(model: nn.Module) -> nn.Module:
    for kind, attribute in _WRAPPERS:
        if isinstance(model, kind):
            return _unwrapped(model.get_submodule(attribute))
    return model


def _check_part(part: nn.Module, where: str) -> None:
    if isinstance(part, torch.jit.ScriptModule):
        raise SpecError(
            f"{where} is TorchScript, whose operators cannot be changed; give the nn.Module that "
            "it was scripted or traced from"
        )
    if type(part).__module__.startswith(_QUANTIZED):
        raise SpecError(
            f"{where} is quantized by torch.ao, or prepared for it; give the model as it was "
            "before, in float: bit-widths are searched here"
        )


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters(remove_duplicate=False)
    yield from model.named_buffers(remove_duplicate=False)


def _check_tensor(tensor: Tensor, what: str) -> None:
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        raise SpecError(
            f"{what} has no shape yet; run the lazy model once on an input, and train it"
        )
    if tensor.device.type == "meta":
        raise SpecError(
            f"{what} is on the device 'meta', where no numbers are; call "
            "to_empty(device='cpu') and load the weights first"
        )
    if type(tensor.detach()) is not Tensor and not isinstance(tensor.detach(), nn.Parameter):
        raise SpecError(f"{what} is a {type(tensor.detach()).__name__}; give it as a plain tensor")
    if isinstance(tensor, nn.Parameter) and not tensor.is_floating_point():
        raise SpecError(
            f"{what} is a parameter of {tensor.dtype}, and only real floats can be compressed; "
            "turn it back into floats, or register it as a buffer"
        )


def _copied(model: nn.Module) -> nn.Module:
    memo: dict[int, object] = {
        id(value): value.detach().clone()
        for part in model.modules()
        for value in vars(part).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        copied = copy.deepcopy(model, memo)
    except RecursionError as error:
        raise SpecError(
            f"the modules of {place('', type(model).__name__)} lie too deep in each other to be "
            "copied; put nested containers into one nn.Sequential"
        ) from error
    except Exception as error:
        raise SpecError(
            f"{_uncopied(model)} cannot be copied ({first_line(error)}); keep it out of the model, "
            "or give its class a __deepcopy__"
        ) from error
    if not {id(part) for part in model.modules()}.isdisjoint(id(part) for part in copied.modules()):
        raise SpecError(
            f"the __deepcopy__ of {place('', type(model).__name__)} must return a copy, "
            "it gives the same module"
        )
    return copied


def _uncopied(model: nn.Module) -> str:
    """Return what of a model cannot be copied."""
    for path, part in model.named_modules():
        for key, value in vars(part).items():
            if key == "_modules":
                continue
            try:
                copy.deepcopy(value)
            # Each value fails in its own way, or not at all.
            except Exception:  # noqa: BLE001
                return f"the attribute {key!r} of {place(path, type(part).__name__)}"
    return place("", type(model).__name__)


def _write_out(part: nn.Module, where: str) -> None:
    """Put what masks and parametrizations compute into the weights, and take them off."""
    try:
        for hook in list(part._forward_pre_hooks.values()):
            match hook:
                case prune.BasePruningMethod():
                    prune.remove(part, hook._tensor_name)  # type: ignore[no-untyped-call]
                case WeightNorm():
                    remove_weight_norm(part, hook.name)
                case SpectralNorm():
                    remove_spectral_norm(part, hook.name)
        if parametrize.is_parametrized(part):
            _write_parametrizations_out(part)
    except Exception as error:
        raise SpecError(
            f"the masks and parametrizations of {where} cannot be written into its weights "
            f"({first_line(error)}); take them off the model"
        ) from error


def _write_parametrizations_out(part: nn.Module) -> None:
    """Do what `remove_parametrizations` does, but leave the class, which copies share, alone."""
    lists = part.get_submodule("parametrizations")
    names = [name for name, _ in lists.named_children()]
    values = {name: getattr(part, name).detach().clone() for name in names}
    trained = {
        name: len(list(lists.get_submodule(name).parameters(recurse=False))) > 0 for name in names
    }
    part.__class__ = type(part).__bases__[0]
    del part.parametrizations
    for name, value in values.items():
        if trained[name]:
            part.register_parameter(name, nn.Parameter(value))
        else:
            part.register_buffer(name, value)
