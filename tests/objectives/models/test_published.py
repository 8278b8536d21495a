"""Published weights, laid where torchvision and timm keep what they have downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models import MaxVit

from tightfit import SpecError
from tightfit.objectives.models import LoadedModel, load_baseline


def publish(name: str, folder: Path, **options: Any) -> Any:
    """Put random weights in the place of the published ones, and return their network."""
    torch.manual_seed(0)
    network = torchvision.models.get_model(name, weights=None, **options)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.get_buffer("running_mean"), std=0.1)
            nn.init.uniform_(part.get_buffer("running_var"), 0.5, 1.5)
    url = torchvision.models.get_model_weights(name).DEFAULT.url
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), checkpoints / url.rpartition("/")[2])
    return network.eval()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


def load(name: str, shape: tuple[int, int, int], classes: int, **options: Any) -> LoadedModel:
    return load_baseline(
        name, input_shape=shape, classes=classes, folder=Path(), weights="DEFAULT", **options
    )


@torch.no_grad()
def test_nothing_is_changed_where_shape_and_classes_are_imagenets(hub: Path) -> None:
    published = publish("resnet18", hub)
    loaded = load("resnet18", (3, 64, 64), 1000)
    assert loaded.notes == ()
    assert not loaded.needs_training
    picture = torch.randn(2, 3, 64, 64)
    assert torch.equal(loaded.module(picture), published(picture))


@torch.no_grad()
def test_grey_pictures_get_the_same_features_and_a_fresh_classifier(hub: Path) -> None:
    published = publish("resnet18", hub)
    loaded = load("resnet18", (1, 64, 64), 7)
    assert loaded.needs_training
    assert [note.partition(" ")[0] for note in loaded.notes] == [
        "conv1.weight",
        "fc.weight",
        "fc.bias",
    ]
    loaded.module.fc = nn.Identity()
    published.fc = nn.Identity()
    picture = torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(
        loaded.module(picture),
        published(picture.expand(-1, 3, -1, -1)),
        atol=1e-4,
        rtol=1e-4,
    )


def test_a_small_stem_keeps_all_weights_where_its_kernel_was_3x3_already(hub: Path) -> None:
    published = publish("squeezenet1_1", hub).state_dict()
    loaded = load("squeezenet1_1", (3, 28, 28), 1000, stem="small", stem_stride=1)
    kept = loaded.module.state_dict()
    assert all(torch.equal(kept[name], published[name]) for name in published)
    assert not loaded.needs_training


def test_a_smaller_kernel_needs_training(hub: Path) -> None:
    publish("resnet18", hub)
    loaded = load("resnet18", (3, 32, 32), 1000)
    assert loaded.needs_training
    assert loaded.notes == ("conv1.weight was fitted from [64, 3, 7, 7] to [64, 3, 3, 3]",)


@pytest.mark.slow
@torch.no_grad()
def test_the_rescaling_of_published_inceptions_is_folded_into_their_weights(hub: Path) -> None:
    published = publish("inception_v3", hub, init_weights=False)
    fitted: Any = load("inception_v3", (3, 128, 128), 1000).module
    assert not fitted.transform_input
    picture = torch.randn(1, 3, 128, 128)
    published.transform_input = True
    expected = published.Conv2d_1a_3x3(published._transform_input(picture))
    torch.testing.assert_close(fitted.Conv2d_1a_3x3(picture), expected, atol=1e-4, rtol=1e-4)
    assert (published.Conv2d_1a_3x3(picture) - expected).abs().max() > 0.1


@pytest.mark.slow
def test_position_embeddings_are_interpolated(hub: Path) -> None:
    published = publish("vit_b_32", hub).state_dict()
    loaded = load("vit_b_32", (3, 64, 64), 1000, stem="imagenet")
    assert loaded.needs_training
    assert loaded.notes == ("encoder.pos_embedding was fitted from [1, 50, 768] to [1, 5, 768]",)
    kept = loaded.module.state_dict()
    assert torch.equal(kept["conv_proj.weight"], published["conv_proj.weight"])
    corners = published["encoder.pos_embedding"][0, [0, 1, 7, 43, 49]]
    torch.testing.assert_close(kept["encoder.pos_embedding"][0], corners)


@pytest.mark.slow
def test_maxvits_position_biases_are_interpolated(hub: Path) -> None:
    publish("maxvit_t", hub)
    loaded = load("maxvit_t", (3, 64, 64), 1000)
    assert isinstance(loaded.module, MaxVit)
    assert loaded.module.partition_size == 2
    assert len(loaded.notes) == 22
    assert "from [169, 2] to [9, 2]" in loaded.notes[0]


def test_published_weights_that_cannot_be_fetched_are_said(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(SpecError, match=r"of 'resnet18' could not be fetched: no route to host"):
        load("resnet18", (3, 64, 64), 10)
    assert not list(hub.rglob("*.pth"))
