"""Torchvision's classifiers, fitted to any number of channels and classes and to small pictures."""

from __future__ import annotations

from typing import Any, cast

import torch
import torchvision
from torch import nn
from torchvision.models import GoogLeNet, Inception3, VisionTransformer

from tightfit import SpecError
from tightfit.objectives.models.adaptation import fold_input_transform
from tightfit.objectives.models.built import Built
from tightfit.objectives.models.stems import Stem, StemChoice, find_stem, fit_stem, is_small
from tightfit.objectives.models.transformers import (
    build_maxvit,
    fit_vision_transformer,
    square_side,
)
from tightfit.objectives.models.weights import State
from tightfit.objectives.nearest import did_you_mean

_WITH_AUXILIARY = ("googlenet", "inception_v3")
_MAXVIT_STEM = Stem("stem.0.0", (), stride=2, plain=True)
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")

# What the published Inceptions do to a picture that was standardized as ImageNet's are.
_RESCALING = (
    torch.tensor([0.229, 0.224, 0.225]) / 0.5,
    (torch.tensor([0.485, 0.456, 0.406]) - 0.5) / 0.5,
)


def torchvision_names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers."""
    return tuple(torchvision.models.list_models(module=torchvision.models))


def check_name(name: str) -> None:
    """Refuse what is no classifier of torchvision's.

    Raises:
        SpecError: With the nearest name.
    """
    known = torchvision_names()
    if name not in known:
        raise SpecError(
            f"torchvision has no classifier {name!r}{did_you_mean(name, known)}; "
            "its names are those of torchvision.models.list_models(module=torchvision.models)"
        )


def build_torchvision(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    stem: StemChoice,
    stem_stride: int,
) -> Built:
    """Return a fresh network for pictures of ``input_shape`` ``(C, H, W)``.

    Raises:
        SpecError: No classifier of that name, or it cannot read pictures of that size.
    """
    check_name(name)
    module = _module(name, input_shape=input_shape, classes=classes, stem=stem, stride=stem_stride)
    return Built(
        module,
        convolution=find_stem(module).convolution,
        classifier=_classifier(module, classes),
        published=lambda: _published(name),
        extras=_AUXILIARY if name in _WITH_AUXILIARY else (),
    )


def auxiliary_heads(name: str, classes: int) -> dict[str, tuple[int, int]]:
    """Return by name of an auxiliary classifier its parameters and its bytes in a state dict.

    They help in training alone: no network here has them, published weights and counts may.
    """
    if name not in _WITH_AUXILIARY:
        return {}
    whole = torchvision.models.get_model(name, num_classes=classes, init_weights=False)
    found = {}
    for prefix in _AUXILIARY:
        head = dict(whole.named_children()).get(prefix.removesuffix("."))
        if head is not None:
            state = head.state_dict().values()
            found[prefix.removesuffix(".")] = (
                sum(each.numel() for each in head.parameters()),
                sum(each.numel() * each.element_size() for each in state),
            )
    return found


def _module(
    name: str,
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    stem: StemChoice,
    stride: int,
) -> nn.Module:
    channels, height, width = input_shape
    if name == "maxvit_t":
        side = square_side(name, input_shape)
        small = is_small(_MAXVIT_STEM, stem, side=side)
        module = build_maxvit(side=side, stem_stride=stride if small else 2, classes=classes)
    else:
        module = torchvision.models.get_model(
            name, weights=None, num_classes=classes, **_options(name)
        )
    if isinstance(module, VisionTransformer):
        side = square_side(name, input_shape)
        fit_vision_transformer(module, name, side=side, channels=channels, stem=stem)
    else:
        found = find_stem(module)
        small = is_small(found, stem, side=min(height, width))
        fit_stem(module, found, channels=channels, small=small, stride=stride)
    return cast(nn.Module, module)


def _options(name: str) -> dict[str, Any]:
    """Without auxiliary classifiers; torchvision warns unless told how to start the weights."""
    return {"aux_logits": False, "init_weights": True} if name in _WITH_AUXILIARY else {}


def _classifier(module: nn.Module, classes: int) -> str:
    """Return the name of the last layer with one output for each class."""
    heads: list[str] = [
        name
        for name, layer in module.named_modules()
        if (isinstance(layer, nn.Linear) and layer.out_features == classes)
        or (isinstance(layer, nn.Conv2d) and layer.out_channels == classes)
    ]
    return heads[-1]


def _published(name: str) -> State:
    network = torchvision.models.get_model(name, weights="DEFAULT", progress=False)
    state: State = network.state_dict()
    if not isinstance(network, GoogLeNet | Inception3):
        return state
    convolution = find_stem(network).convolution
    scale, shift = _RESCALING
    return fold_input_transform(
        state,
        convolution=convolution,
        norm=f"{convolution.removesuffix('.conv')}.bn",
        scale=scale,
        shift=shift,
    )
