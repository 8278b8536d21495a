"""The first layers of published networks, fitted to grey, many-channelled and small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from torch import nn
from torchvision.models import Inception3

from tightfit import SpecError

StemChoice: TypeAlias = Literal["auto", "imagenet", "small"]

_SMALLEST_GRID = 16
"""Places along a side that ImageNet's stem must leave, for it to be taken by ``"auto"``."""


@dataclass(frozen=True, slots=True)
class Stem:
    """Where a network shrinks its picture first.

    Attributes:
        convolution: Name of the first convolution.
        pools: Names of the max-pools that belong to the stem.
        stride: By which the convolution and the pools together shrink a side.
        plain: Whether the convolution is an ordinary one, which another can stand for.
    """

    convolution: str
    pools: tuple[str, ...]
    stride: int
    plain: bool


def find_stem(model: nn.Module) -> Stem:
    """Return the stem of a convolutional network: its first convolution and max-pool.

    Raises:
        SpecError: The network has no two-dimensional convolution.
    """
    layers = dict(model.named_modules())
    convolution = next((n for n, layer in layers.items() if isinstance(layer, nn.Conv2d)), None)
    if convolution is None:
        raise SpecError(f"{type(model).__name__} has no convolution that could read a picture")
    pools = [name for name, layer in layers.items() if isinstance(layer, nn.MaxPool2d)]
    # The two Inceptions shrink twice before their first block; the older one bears it.
    of_stem = pools[:2] if isinstance(model, Inception3) else pools[:1]
    stride = _side(cast(nn.Conv2d, layers[convolution]).stride)
    for name in of_stem:
        stride *= _side(cast(nn.MaxPool2d, layers[name]).stride)
    plain = type(layers[convolution]) is nn.Conv2d
    return Stem(convolution, tuple(of_stem), stride, plain)


def is_small(stem: Stem, choice: StemChoice, *, side: int) -> bool:
    """Whether pictures whose shorter side has ``side`` pixels get the small stem."""
    if choice == "auto":
        return stem.plain and side < _SMALLEST_GRID * stem.stride
    return choice == "small"


def fit_stem(model: nn.Module, stem: Stem, *, channels: int, small: bool, stride: int) -> None:
    """Fit the first convolution of ``model`` to ``channels``, in place.

    The small stem is a 3x3 convolution of ``stride`` (never more than it was) without max-pool.
    Where nothing differs the layer stays as it is.

    Raises:
        SpecError: The small stem is asked of a network whose first convolution is a special one.
    """
    old = cast(nn.Conv2d, model.get_submodule(stem.convolution))
    if small and not stem.plain:
        raise SpecError(
            f"stem = 'small' needs a plain first convolution, {type(model).__name__} has a "
            f"{type(old).__name__}; write stem = 'imagenet'"
        )
    if small:
        stride = min(stride, _side(old.stride))
        for name in stem.pools:
            model.set_submodule(name, nn.Identity())
        as_wanted = (old.kernel_size, old.stride, old.padding) == ((3, 3), (stride,) * 2, (1, 1))
    else:
        as_wanted = True
    if as_wanted and old.in_channels == channels:
        return
    fitted = _small(old, channels, stride) if small else _reading(old, channels)
    model.set_submodule(stem.convolution, fitted)


def _small(old: nn.Conv2d, channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(
        channels, old.out_channels, 3, stride=stride, padding=1, bias=old.bias is not None
    )


def _reading(old: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Return the same convolution of so many channels."""
    return nn.Conv2d(
        channels,
        old.out_channels,
        cast("tuple[int, int]", old.kernel_size),
        stride=cast("tuple[int, int]", old.stride),
        padding=cast("str | tuple[int, int]", old.padding),
        dilation=cast("tuple[int, int]", old.dilation),
        groups=old.groups,
        bias=old.bias is not None,
        padding_mode=old.padding_mode,
    )


def _side(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]
