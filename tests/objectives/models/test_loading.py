from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18, squeezenet1_1

from tightfit import SpecError
from tightfit.objectives.models import LoadedModel, check_model, load_baseline, load_model

GREY = (1, 28, 28)


def load(name: str, folder: Path, **options: Any) -> LoadedModel:
    options = {"input_shape": GREY, "classes": 10, **options}
    return load_baseline(name, folder=folder, **options)


def network(name: str, folder: Path, **options: Any) -> Any:
    return load(name, folder, **options).module


def small_resnet(channels: int = 1) -> nn.Module:
    """The quickstart's network, written out."""
    model: nn.Module = resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model.eval()


def grey(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, *GREY, generator=torch.Generator().manual_seed(seed))


def test_the_small_stem_is_a_3x3_convolution_without_max_pool(tmp_path: Path) -> None:
    loaded = load("torchvision:resnet18", tmp_path)
    module: Any = loaded.module
    written_out: Any = small_resnet()
    assert str(module.conv1) == str(written_out.conv1)
    assert isinstance(module.maxpool, nn.Identity)
    assert list(module.state_dict()) == list(written_out.state_dict())
    assert loaded.needs_training
    assert not module.training
    stride_one = network("resnet18", tmp_path, stem="small", stem_stride=1)
    assert (
        str(stride_one.conv1)
        == "Conv2d(1, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"
    )


def test_large_pictures_get_imagenets_stem(tmp_path: Path) -> None:
    module = network("resnet18", tmp_path, input_shape=(3, 96, 64))
    assert str(module) == str(resnet18(num_classes=10))
    small_anyway = network("resnet18", tmp_path, stem="imagenet")
    assert str(small_anyway.conv1).startswith("Conv2d(1, 64, kernel_size=(7, 7)")


def test_fresh_weights_follow_the_seed_and_leave_no_trace(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first: Any = load_model("resnet18", input_shape=GREY, classes=10, folder=tmp_path, seed=1)
    assert torch.equal(torch.rand(2), expected)
    again = network("resnet18", tmp_path, seed=1)
    other = network("resnet18", tmp_path, seed=2)
    assert torch.equal(first.conv1.weight, again.conv1.weight)
    assert torch.equal(first.fc.weight, again.fc.weight)
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_half_precision_weights_of_a_file_are_loaded_as_float32(tmp_path: Path) -> None:
    saved = small_resnet()
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in saved.state_dict().items()
    }
    save_file(state, tmp_path / "baseline.safetensors")
    loaded = load("resnet18", tmp_path, weights="baseline.safetensors")
    assert not loaded.needs_training
    assert loaded.notes == ()
    assert {value.dtype for value in loaded.module.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded.module(grey()), saved(grey()), atol=0.02, rtol=0.02)


@pytest.mark.parametrize("wrapped", ["plain", "checkpoint", "parallel"])
def test_saved_state_dicts_are_read(tmp_path: Path, wrapped: str) -> None:
    saved = small_resnet()
    state = saved.state_dict()
    content = {
        "plain": state,
        "checkpoint": {"state_dict": state, "epoch": 3},
        "parallel": {f"module.{name}": value for name, value in state.items()},
    }
    torch.save(content[wrapped], tmp_path / "baseline.pt")
    loaded = load("resnet18", tmp_path, weights="baseline.pt")
    assert torch.equal(loaded.module(grey()), saved(grey()))


def test_weights_saved_before_torch_counted_batches_are_read(tmp_path: Path) -> None:
    saved = small_resnet()
    state = {k: v for k, v in saved.state_dict().items() if "num_batches_tracked" not in k}
    save_file(state, tmp_path / "old.safetensors")
    loaded = load("resnet18", tmp_path, weights="old.safetensors")
    assert torch.equal(loaded.module(grey()), saved(grey()))


def test_a_network_that_asks_for_the_version_of_its_weights_reads_a_file_without_one(
    tmp_path: Path,
) -> None:
    saved = load("mnasnet0_5", tmp_path).module.eval()
    save_file(saved.state_dict(), tmp_path / "mnasnet.safetensors")
    loaded = load("mnasnet0_5", tmp_path, weights="mnasnet.safetensors", seed=1)
    assert torch.equal(loaded.module.eval()(grey()), saved(grey()))


def test_weights_for_colours_compute_the_same_of_grey_pictures(tmp_path: Path) -> None:
    coloured = small_resnet(channels=3)
    save_file(coloured.state_dict(), tmp_path / "rgb.safetensors")
    loaded = load("resnet18", tmp_path, weights="rgb.safetensors")
    assert not loaded.needs_training
    assert loaded.notes == ("conv1.weight was fitted from [64, 3, 3, 3] to [64, 1, 3, 3]",)
    torch.testing.assert_close(
        loaded.module(grey()), coloured(grey().expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4
    )


class Trap:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (Path("trap"),)


def test_weights_that_are_no_weights_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.pt").touch()
    (tmp_path / "binary.safetensors").write_bytes(b"\x00\x01binary" * 9)
    (tmp_path / "binary.pt").write_bytes(b"\x00\x01binary" * 9)
    (tmp_path / "text.pt").write_text("weights?")
    torch.save(Trap(), tmp_path / "trap.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save({"epoch": 3}, tmp_path / "numbers.pt")
    torch.save({}, tmp_path / "nothing.pt")
    for name, message in (
        ("missing.pt", r"missing\.pt are not there"),
        ("empty.pt", r"empty\.pt are an empty file"),
        ("binary.safetensors", r"binary\.safetensors is not a safetensors file"),
        ("binary.pt", r"binary\.pt is not a state dict"),
        ("text.pt", r"text\.pt is not a state dict"),
        ("trap.pt", r"trap\.pt is not a state dict"),
        ("list.pt", r"list\.pt must hold a state dict, got list"),
        ("numbers.pt", r"numbers\.pt must hold tensors by name, 'epoch' is int"),
        ("nothing.pt", r"nothing\.pt must hold a state dict"),
    ):
        with pytest.raises(SpecError, match=message):
            load("resnet18", tmp_path, weights=name)
    assert not (tmp_path / "trap").exists()


def test_weights_of_another_network_are_refused_with_the_first_names(tmp_path: Path) -> None:
    save_file(squeezenet1_1(num_classes=10).state_dict(), tmp_path / "squeeze.safetensors")
    with pytest.raises(
        SpecError, match=r"do not fit the model: missing: conv1\.weight, .* and \d+ more; unknown: "
    ):
        load("resnet18", tmp_path, weights="squeeze.safetensors")
    state = small_resnet().state_dict()
    state["bn1.weight"] = torch.ones(32)
    save_file(state, tmp_path / "narrow.safetensors")
    with pytest.raises(SpecError, match=r"shapes: bn1\.weight is \[32\] and must be \[64\]"):
        load("resnet18", tmp_path, weights="narrow.safetensors")


def test_weights_for_another_class_count_are_refused(tmp_path: Path) -> None:
    save_file(small_resnet().state_dict(), tmp_path / "ten.safetensors")
    with pytest.raises(SpecError, match=r"tell 10 classes apart \(fc\.weight\), .* have 7"):
        load("resnet18", tmp_path, weights="ten.safetensors", classes=7)


def test_weights_for_another_stem_are_refused(tmp_path: Path) -> None:
    save_file(resnet18(num_classes=10).state_dict(), tmp_path / "seven.safetensors")
    with pytest.raises(SpecError, match=r"of 7 x 7, and the model one of 3 x 3; write stem"):
        load("resnet18", tmp_path, weights="seven.safetensors")


def test_unknown_models_get_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no classifier 'resnet81'; did you mean 'resnet18'"):
        load("torchvision:resnet81", tmp_path)
    with pytest.raises(SpecError, match="no classifier 'fcn_resnet50'"):
        load("fcn_resnet50", tmp_path)


def test_data_that_are_no_pictures_of_classes_need_a_model_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"tells classes of pictures .* with no classes"):
        load("resnet18", tmp_path, classes=None)
    with pytest.raises(SpecError, match=r"the data are \[16\] with 10 classes"):
        load("resnet18", tmp_path, input_shape=(16,))


def test_a_picture_that_is_too_small_is_refused(tmp_path: Path) -> None:
    unreadable = pytest.raises(
        SpecError, match=r"'inception_v3' cannot read inputs of \[1, 28, 28\]"
    )
    with unreadable, torch.device("meta"):
        load("inception_v3", tmp_path, stem="imagenet")


OWN = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.fc = nn.Linear(784, classes)

    def forward(self, x):
        return self.fc(x.flatten(1))

def build():
    return Net()

def fitting(input_shape, classes):
    assert input_shape == (1, 28, 28)
    return Net(classes)

def two_outputs():
    net = Net()
    net.forward = lambda x: (x, x)
    return net

def failing():
    raise RuntimeError("no luck")

def number():
    return 3

ready = Net()
constant = 3
"""


def test_networks_of_ones_own_are_built_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(OWN)
    for name in ("build", "Net", "fitting"):
        assert network(f"my_net:{name}", tmp_path).fc.out_features == 10
    assert network("my_net:fitting", tmp_path, classes=7).fc.out_features == 7
    assert load("my_net:build", tmp_path).needs_training
    regression = load("my_net:build", tmp_path, classes=None)
    assert isinstance(regression.module, nn.Module)


def test_a_network_that_is_there_already_is_copied_with_its_weights(tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(OWN)
    first = network("my_net:ready", tmp_path, weights="DEFAULT")
    first.fc.weight.data.zero_()
    second = load("my_net:ready", tmp_path, weights="DEFAULT")
    assert not second.needs_training
    assert second.module.get_parameter("fc.weight").abs().sum() > 0
    torch.save(first.state_dict(), tmp_path / "mine.pt")
    assert network("my_net:build", tmp_path, weights="mine.pt").fc.weight.abs().sum() == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("constant", {}, "must be a function .* got int"),
        ("number", {}, "must return a torch.nn.Module, got int"),
        ("failing", {}, "failed: RuntimeError: no luck"),
        ("two_outputs", {}, "must return one tensor, got tuple"),
        ("build", {"classes": 7}, r"give 7 outputs for 7 classes, .* got \[1, 10\]"),
        ("build", {"input_shape": (3, 8, 8)}, r"cannot read inputs of \[3, 8, 8\]"),
    ],
)
def test_a_wrong_network_of_ones_own_is_reported(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    (tmp_path / "my_net.py").write_text(OWN)
    with pytest.raises(SpecError, match=message):
        load(f"my_net:{name}", tmp_path, **options)


def test_checking_a_network_leaves_it_as_it_was() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    model[1].eval()
    check_model(model, "mine", input_shape=(1, 2, 2), classes=2)
    assert [part.training for part in model] == [True, False, True]
    assert int(model[1].get_buffer("num_batches_tracked")) == 0
    with pytest.raises(SpecError, match=r"'mine' must be a torch.nn.Module, got str"):
        check_model("a net", "mine", input_shape=(1, 2, 2), classes=2)
