"""Networks that the tests of spaces are about, their norms as if they had seen data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.odd_nets import ODD_NETS
from tightfit import Candidate, Choice
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network


class OddNet(nn.Module):
    """Everything at once: branches, a gate, a projection, depthwise, grouped and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(24)
        self.depthwise = nn.Conv2d(24, 24, 3, padding=1, groups=24, bias=False)
        self.depthwise_norm = nn.BatchNorm2d(24)
        self.left = nn.Conv2d(24, 32, 1)
        self.right = nn.Conv2d(24, 16, 3, padding=2, dilation=2)
        self.joined_norm = nn.BatchNorm2d(48)
        self.squeeze = nn.Conv2d(24, 20, 1)
        self.excite = nn.Conv2d(20, 24, 1)
        self.down = nn.Conv2d(48, 40, 3, stride=2, padding=1, bias=False)
        self.down_norm = nn.BatchNorm2d(40)
        self.project = nn.Conv2d(48, 40, 1, stride=2)
        self.grouped = nn.Conv2d(40, 40, 3, padding=1, groups=4)
        self.inside = nn.Conv2d(40, 36, 1)
        self.up = nn.ConvTranspose2d(36, 28, 2, stride=2, bias=False)
        self.up_norm = nn.BatchNorm2d(28)
        self.hidden = nn.Linear(28 * 4, 32)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(32, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_norm(self.stem(x)))
        x = F.hardswish(self.depthwise_norm(self.depthwise(x)))
        gate = torch.sigmoid(self.excite(F.silu(self.squeeze(x.mean([2, 3], keepdim=True)))))
        x = x * gate
        x = torch.cat([self.left(x), self.right(x)], 1)
        x = F.relu(self.joined_norm(x))
        x = F.relu(self.down_norm(self.down(x)) + self.project(x), inplace=True)
        x = F.leaky_relu(self.grouped(x), 0.1) + x
        x = F.relu6(self.up_norm(self.up(torch.tanh(self.inside(x)))))
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 2)
        x = self.drop(F.relu(self.hidden(torch.flatten(x, 1))))
        output: Tensor = self.head(x)
        return output


def small_resnet() -> nn.Module:
    """Return a ResNet-18 for grey pictures of 28x28."""
    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    model.conv1 = nn.Conv2d(1, 64, 3, stride=2, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def _small_vit() -> nn.Module:
    model: nn.Module = torchvision.models.VisionTransformer(32, 8, 2, 4, 64, 96, num_classes=10)
    return model


def without_helpers(name: str) -> nn.Module:
    """Return a network of torchvision's for ten classes, without auxiliary heads."""
    helpers = {"aux_logits": False, "init_weights": False}
    more = helpers if name in ("googlenet", "inception_v3") else {}
    model: nn.Module = torchvision.models.get_model(name, num_classes=10, **more)
    return model


_SIDES = {"inception_v3": 96, "swin_t": 128, "swin_v2_t": 128}

MODELS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "odd": (OddNet, (3, 16, 16)),
    "resnet18": (small_resnet, (1, 28, 28)),
    "small_vit": (_small_vit, (3, 32, 32)),
    **{net.__name__: (net, (3, 16, 16)) for net in ODD_NETS},
}
"""Networks of the tests' own; any other name is torchvision's."""


TIMM = {
    f"timm:{name}": (name, side)
    for side, names in {
        64: ("res2net50_14w_8s", "resnest14d", "skresnet18", "dla34", "cspresnet50", "vovnet39a",
             "hrnet_w18_small", "selecsls42", "resnetv2_50"),
        106: ("tinynet_e",),
        224: ("convnext_atto", "convnextv2_atto", "efficientnet_lite0", "ghostnet_100",
              "ghostnetv2_100", "repvgg_a0", "mobileone_s0", "mobilenetv4_conv_small",
              "efficientformer_l1", "levit_128s", "poolformer_s12", "swin_tiny_patch4_window7_224",
              "deit_tiny_patch16_224", "mixer_s32_224", "coatnet_pico_rw_224", "cait_xxs24_224",
              "xcit_nano_12_p16_224", "pvt_v2_b0", "twins_pcpvt_small"),
        256: ("fastvit_t8", "edgenext_xx_small", "maxvit_rmlp_pico_rw_256", "mobilevit_xxs"),
    }.items()
    for name in names
}  # fmt: skip
"""Families that people deploy, with a side that each reads."""


def named(name: str) -> tuple[Callable[[], nn.Module], tuple[int, int, int]]:
    """Return what makes a network, and the shape of its pictures."""
    if name == "Waves":
        pytest.importorskip("onnxscript")  # its files are translated by it
    if name in MODELS:
        return MODELS[name]
    if name.startswith("timm:"):
        timm, (plain, side) = pytest.importorskip("timm"), TIMM[name]
        return lambda: timm.create_model(plain, num_classes=10), (3, side, side)
    side = 224 if name.startswith(("vit", "maxvit")) else _SIDES.get(name, 64)
    return lambda: without_helpers(name), (3, side, side)


def pictures(shape: tuple[int, ...], n: int, *, seed: int = 1) -> Tensor:
    """Return ``n`` random inputs ``[n, *shape]`` that differ in more than noise."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(n, *shape, generator=generator)
    coarse = torch.randn(n, shape[0], 3, 3, generator=generator)
    return noise / 2 + F.interpolate(coarse, shape[1:], mode="bilinear")


def settled(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return ``model`` with uneven gains, its running statistics those of random pictures."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            module.momentum = 1.0
        if isinstance(module, nn.Linear) and not module.weight.any():
            nn.init.normal_(module.weight, 0, 0.1)
    for name, tensor in model.named_parameters():
        if "layer_scale" in name or name.endswith("gamma"):
            nn.init.uniform_(tensor, 0.3, 0.6)  # published nets start near zero and hide the rest
        if ".grn." in name:
            nn.init.normal_(tensor, 0, 0.2)  # nothing but zeros are one tensor in a file
    model.train()
    with torch.no_grad():
        model(pictures(shape, 16))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    return model.eval()


def make(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Return a model of the table in evaluation mode, and the shape of its pictures."""
    torch.manual_seed(0)
    factory, shape = named(name)
    return settled(factory(), shape), shape


def everywhere(space: CompressionSpace, technique: str, choice: Choice) -> Candidate:
    """Return the candidate with ``choice`` at every site of a technique that has it."""
    hparams = [h for h in space.search_space.hparams if h.name.endswith(f".{technique}")]
    return space.search_space.from_choices(
        {hparam.name: choice for hparam in hparams if choice in hparam.choices}
    )


def calibrated(network: Network, *, n: int = 32) -> Network:
    """Return the network with its ranges found and quantization switched on."""
    if network.quantized:
        network.calibrate([pictures(network.input_shape, n)])
        network.quantization = True
    return network
