from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, regnet

from tightfit import SpecError
from tightfit.objectives.models import load_model
from tightfit.objectives.models.stems import find_stem, fit_stem
from tightfit.objectives.models.torchvision_models import torchvision_names


def load(name: str, shape: tuple[int, int, int], **options: Any) -> Any:
    return load_model(name, input_shape=shape, classes=7, folder=Path(), **options)


@pytest.fixture
def without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """RegNets compute their widths with tensors, which must be real ones."""
    original = regnet.BlockParams.from_init_params

    def on_cpu(*arguments: Any, **options: Any) -> Any:
        with torch.device("cpu"):
            return original(*arguments, **options)

    monkeypatch.setattr(regnet.BlockParams, "from_init_params", on_cpu)


@pytest.mark.slow
@pytest.mark.usefixtures("without_numbers")
@pytest.mark.parametrize("name", torchvision_names())
def test_every_classifier_reads_grey_small_and_usual_pictures(name: str) -> None:
    with torch.device("meta"):
        for shape in ((1, 28, 28), (2, 64, 64), (3, 224, 224)):
            assert load(name, shape)(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v3_small",
        "shufflenet_v2_x0_5",
        "squeezenet1_1",
        "mnasnet0_5",
        "googlenet",
        "densenet121",
        "regnet_x_400mf",
        "efficientnet_b0",
    ],
)
def test_small_pictures_can_be_trained_on(name: str) -> None:
    model = load(name, (1, 32, 32)).train()
    outputs = model(torch.randn(4, 1, 32, 32))
    assert outputs.shape == (4, 7)
    outputs.square().mean().backward()
    assert all(value.grad is not None for value in model.parameters())


def test_vgg_keeps_its_stem_where_the_picture_bears_it() -> None:
    with torch.device("meta"):
        usual, tiny = load("vgg11_bn", (1, 32, 32)), load("vgg11_bn", (1, 28, 28))
    assert isinstance(usual.features[3], nn.MaxPool2d)
    assert isinstance(tiny.features[3], nn.Identity)
    assert tiny.features[0].stride == (1, 1)


@pytest.mark.parametrize(
    ("name", "convolution", "stride", "options"),
    [
        ("convnext_tiny", "features.0.0", 4, {}),
        ("swin_t", "features.0.0", 4, {}),
        ("alexnet", "features.0", 4, {}),
        ("resnet18", "conv1", 2, {"stem": "imagenet", "stem_stride": 1}),
    ],
)
def test_imagenets_stem_differs_in_nothing_but_the_channels(
    name: str, convolution: str, stride: int, options: dict[str, Any]
) -> None:
    with torch.device("meta"):
        grey, usual = load(name, (1, 224, 224), **options), load(name, (3, 224, 224), **options)
    fitted, published = (str(each.get_submodule(convolution)) for each in (grey, usual))
    assert f"stride=({stride}, {stride})" in published
    assert fitted == published.replace("Conv2d(3,", "Conv2d(1,")


def test_a_rebuilt_stem_is_dilated_grouped_and_padded_as_it_was() -> None:
    first = nn.Conv2d(4, 8, 5, 3, padding=4, dilation=2, groups=2, padding_mode="reflect")
    model = nn.Sequential(first, nn.Flatten())
    fit_stem(model, find_stem(model), channels=6, small=False, stride=1)
    assert str(model[0]) == str(first).replace("Conv2d(4,", "Conv2d(6,")


@pytest.mark.parametrize(
    ("name", "side", "stem", "patch"),
    [
        ("vit_b_16", 224, "auto", 16),
        ("vit_b_16", 96, "auto", 16),
        ("vit_b_16", 28, "auto", 2),
        ("vit_b_16", 32, "imagenet", 16),
        ("vit_b_32", 32, "auto", 4),
        ("vit_b_16", 112, "small", 8),
        ("vit_b_16", 100, "auto", 10),
    ],
)
def test_the_patches_of_a_vision_transformer_fit_the_picture(
    name: str, side: int, stem: str, patch: int
) -> None:
    with torch.device("meta"):
        model = load(name, (1, side, side), stem=stem)
    assert isinstance(model, VisionTransformer)
    assert model.patch_size == patch


def test_an_impossible_size_is_said() -> None:
    with torch.device("meta"):
        with pytest.raises(SpecError, match="multiple of its patch of 16 pixels, got 28"):
            load("vit_b_16", (1, 28, 28), stem="imagenet")
        with pytest.raises(SpecError, match="vit_b_16 reads square pictures only, got 32 x 48"):
            load("vit_b_16", (1, 32, 48))
        with pytest.raises(SpecError, match="maxvit_t reads square pictures only"):
            load("maxvit_t", (1, 32, 48))
