"""The classifiers of timm, an optional extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from torch import nn

from tightfit import SpecError
from tightfit.objectives.models.built import Built
from tightfit.objectives.models.stems import StemChoice, find_stem, fit_stem, is_small
from tightfit.objectives.models.weights import State
from tightfit.objectives.nearest import did_you_mean


def build_timm(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    stem: StemChoice,
    stem_stride: int,
) -> Built:
    """Return a fresh network for pictures of ``input_shape`` ``(C, H, W)``.

    Networks that are built for one size (transformers) are built for this one.

    Raises:
        SpecError: timm is not installed, has no such network, or it cannot be built for that size.
    """
    timm = _timm()
    if not timm.is_model(name):
        raise SpecError(f"timm has no model {name!r}{did_you_mean(name, timm.list_models())}")
    channels, height, width = input_shape
    fixed = _is_built_for_one_size(timm, name)
    if fixed and stem == "small":
        raise SpecError(
            f"timm:{name} is built for the size of its pictures and has no small stem; "
            "write stem = 'auto'"
        )
    options: dict[str, Any] = {"img_size": (height, width)} if fixed else {}
    try:
        module: nn.Module = timm.create_model(
            name, pretrained=False, num_classes=classes, in_chans=channels, **options
        )
    # Each architecture refuses what it cannot be in its own way.
    except Exception as error:
        raise SpecError(
            f"timm:{name} cannot be built for pictures of {height} x {width}: {error}"
        ) from error
    found = find_stem(module)
    if not fixed:
        small = is_small(found, stem, side=min(height, width))
        fit_stem(module, found, channels=channels, small=small, stride=stem_stride)
    _check_patches(module, name, height=height, width=width)
    return Built(
        module,
        convolution=found.convolution,
        classifier=_classifier(module),
        published=lambda: _published(timm, name, options),
    )


def _timm() -> ModuleType:
    try:
        return import_module("timm")
    except ModuleNotFoundError as error:
        raise SpecError(
            "models named timm:NAME need timm; install it with: pip install 'tightfit[timm]'"
        ) from error


def _is_built_for_one_size(timm: ModuleType, name: str) -> bool:
    try:
        return bool(timm.get_pretrained_cfg(name).fixed_input_size)
    except RuntimeError as error:
        known = timm.list_pretrained(f"{name.partition('.')[0]}.*")
        raise SpecError(
            f"timm has no weights {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
        ) from error


def _check_patches(module: nn.Module, name: str, *, height: int, width: int) -> None:
    patch = getattr(getattr(module, "patch_embed", None), "patch_size", None)
    if isinstance(patch, tuple) and (height % patch[0] or width % patch[1]):
        raise SpecError(
            f"timm:{name} needs sides that are multiples of its patch of {patch[0]} x {patch[1]} "
            f"pixels, got {height} x {width}"
        )


def _classifier(module: nn.Module) -> str:
    name = getattr(module, "pretrained_cfg", {}).get("classifier", "")
    return name if isinstance(name, str) else str(name[0])


def _published(timm: ModuleType, name: str, options: dict[str, Any]) -> State:
    state: State = timm.create_model(name, pretrained=True, **options).state_dict()
    return state
