"""Torchvision's networks that are built for one side of square pictures: ViT and MaxViT."""

from __future__ import annotations

import math

import torch
from torch import nn
from torchvision.models import MaxVit, VisionTransformer

from tightfit import SpecError
from tightfit.objectives.models.stems import StemChoice

_SMALLEST_GRID = 4
_MAXVIT_PARTITION = 7


def square_side(name: str, input_shape: tuple[int, ...]) -> int:
    """Return the side of square pictures ``(C, H, W)``.

    Raises:
        SpecError: They are not square.
    """
    _, height, width = input_shape
    if height != width:
        raise SpecError(f"{name} reads square pictures only, got {height} x {width}")
    return height


def fit_vision_transformer(
    model: VisionTransformer, name: str, *, side: int, channels: int, stem: StemChoice
) -> None:
    """Fit the patches and position embeddings to pictures of ``side`` pixels, in place.

    With the small stem, patches shrink with the picture: of the sizes that divide the side, the one
    whose number of patches is nearest to what the network was made for.

    Raises:
        SpecError: The side is no multiple of the patch, and the patch is to stay.
    """
    usual = model.image_size // model.patch_size
    patch = model.patch_size
    fits = side % patch == 0
    if stem == "small" or (stem == "auto" and not (fits and side >= _SMALLEST_GRID * patch)):
        divisors = [size for size in range(1, side + 1) if side % size == 0]
        patch = min(divisors, key=lambda size: (abs(side // size - usual), size))
    elif not fits:
        raise SpecError(
            f"{name} needs a side that is a multiple of its patch of {patch} pixels, got {side}; "
            "bring the pictures to such a size, or write stem = 'small'"
        )
    grid = side // patch
    projection = model.conv_proj
    if (projection.in_channels, projection.kernel_size) != (channels, (patch, patch)):
        model.conv_proj = nn.Conv2d(channels, model.hidden_dim, patch, stride=patch)
        fan_in = channels * patch**2
        nn.init.trunc_normal_(model.conv_proj.weight, std=math.sqrt(1 / fan_in))
        nn.init.zeros_(model.conv_proj.bias)
    if grid != usual:
        model.seq_length = grid**2 + 1
        embedding = torch.empty(1, model.seq_length, model.hidden_dim).normal_(std=0.02)
        model.encoder.pos_embedding = nn.Parameter(embedding)
    model.image_size, model.patch_size = side, patch


def build_maxvit(*, side: int, stem_stride: int, classes: int) -> MaxVit:
    """Return torchvision's ``maxvit_t`` for pictures of ``side`` pixels.

    Its attention looks at squares of 7 x 7 places, and the four stages' sides must be multiples of
    7. At other sides the largest common divisor of the stages' sides up to 7 is taken.
    """
    # The constructor takes its stem's stride of 2 for given.
    stated = 2 * math.ceil(side / stem_stride)
    stage = stated // 2
    sides = []
    for _ in range(4):
        stage = math.ceil(stage / 2)
        sides.append(stage)
    common = math.gcd(*sides)
    partition = max(size for size in range(1, _MAXVIT_PARTITION + 1) if common % size == 0)
    return MaxVit(
        input_size=(stated, stated),
        stem_channels=64,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        stochastic_depth_prob=0.2,
        partition_size=partition,
        num_classes=classes,
    )
