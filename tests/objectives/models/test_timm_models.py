from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tightfit import SpecError
from tightfit.objectives.models import LoadedModel, load_baseline

timm = pytest.importorskip("timm")


def load(name: str, shape: tuple[int, int, int], **options: Any) -> LoadedModel:
    options = {"classes": 7, "folder": Path(), **options}
    return load_baseline(f"timm:{name}", input_shape=shape, **options)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resnet18", (1, 28, 28)),
        ("resnet18d", (2, 32, 32)),
        ("mobilenetv3_small_050", (1, 32, 32)),
        ("convnext_atto", (1, 32, 32)),
        ("vit_tiny_patch16_224", (1, 64, 32)),
        ("deit_tiny_distilled_patch16_224", (3, 64, 64)),
        ("nf_regnet_b0", (3, 32, 32)),
    ],
)
def test_networks_of_timm_are_fitted(name: str, shape: tuple[int, int, int]) -> None:
    with torch.no_grad():
        assert load(name, shape).module(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_small_stem_is_the_same_as_torchvisions() -> None:
    module = load("resnet18", (1, 28, 28), stem_stride=1).module
    assert str(module.conv1) == (
        "Conv2d(1, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    )
    assert isinstance(module.maxpool, nn.Identity)


@torch.no_grad()
def test_published_weights_are_adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    published = timm.create_model("resnet18", pretrained=False).eval()
    original = timm.create_model

    def create(name: str, *, pretrained: bool, **options: Any) -> Any:
        return published if pretrained else original(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", create)
    loaded = load("resnet18", (1, 64, 64), weights="DEFAULT")
    fitted: Any = loaded.module
    assert loaded.needs_training
    picture = torch.randn(1, 1, 64, 64)
    torch.testing.assert_close(
        fitted.forward_features(picture),
        published.forward_features(picture.expand(-1, 3, -1, -1)),
        atol=1e-3,
        rtol=1e-3,
    )


def test_a_model_without_published_weights_says_so() -> None:
    with pytest.raises(SpecError, match=r"'timm:nf_resnet26' could not be fetched: .*pretrained"):
        load("nf_resnet26", (3, 64, 64), stem="imagenet", weights="DEFAULT")


def test_an_unknown_set_of_weights_gets_the_nearest_name() -> None:
    with pytest.raises(SpecError, match=r"no weights 'resnet18d\.ra2'; did you mean"):
        load("resnet18d.ra2", (3, 64, 64))


@pytest.mark.parametrize(
    ("name", "shape", "stem", "message"),
    [
        ("resnet81", (1, 28, 28), "auto", "no model 'resnet81'; did you mean 'resnet"),
        ("vit_tiny_patch16_224", (1, 28, 28), "auto", "multiples of its patch of 16 x 16"),
        ("vit_tiny_patch16_224", (1, 32, 32), "small", "has no small stem"),
        ("nf_regnet_b0", (3, 32, 32), "small", "needs a plain first convolution"),
        ("swin_tiny_patch4_window7_224", (3, 6, 6), "auto", r"6 x 6"),
    ],
)
def test_what_cannot_be_built_is_said(
    name: str, shape: tuple[int, int, int], stem: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        load(name, shape, stem=stem)


def test_timm_missing_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(SpecError, match=r"pip install 'tightfit\[timm\]'"):
        load("resnet18", (1, 28, 28))
