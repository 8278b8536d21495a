"""Augmentation of whole batches of pictures, drawn from a generator alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import SpecError
from tightfit.objectives.data import Split
from tightfit.objectives.memory_errors import is_out_of_memory

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Inputs ``[n, ...]`` to inputs of the same shape and dtype. All randomness comes from the
generator, so that the same seed gives the same views in every process."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Flips, shifts and erases pictures; each is drawn for every picture by itself.

    Attributes:
        flip: Probability of a horizontal flip.
        shift: Pictures move by up to this share of their side, rounded down to pixels, in both
            directions; what moves in at an edge is zero.
        erase: Probability that a rectangle of every channel is set to zero (Zhong et al., "Random
            erasing data augmentation", 2020).
        erased_side: Sides of that rectangle as a share of the picture's.

    Raises:
        SpecError: A number outside 0..1, or a shift of half of the side or more.
    """

    flip: float = 0.5
    shift: float = 1 / 12
    erase: float = 0.0
    erased_side: float = 0.25

    def __post_init__(self) -> None:
        for name in ("flip", "shift", "erase", "erased_side"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SpecError(f"the augmentation's {name!r} must lie in 0..1, got {value}")
        if self.shift >= 0.5:
            raise SpecError(f"the augmentation's 'shift' must be below 0.5, got {self.shift}")

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Return other views of pictures ``[n, C, H, W]``; what is no picture stays as it is."""
        if inputs.dim() != 4:
            return inputs
        if self.flip > 0:
            inputs = _flipped(inputs, self.flip, generator)
        if self.shift > 0:
            inputs = _shifted(inputs, self.shift, generator)
        if self.erase > 0:
            inputs = _erased(inputs, self.erase, self.erased_side, generator)
        return inputs


FLIP_AND_SHIFT = Augmentation()
"""Right for most pictures of one thing."""

PLAIN = Augmentation(flip=0.0, shift=0.0)
"""Leaves inputs as they are."""


def suited(augment: Augment, split: Split) -> Augment:
    """Return the augmentation as far as the split's targets stay true under it.

    A class stays what it is when its picture is flipped or moved; a mask, a position or an angle
    does not, and is not moved along. A user's own function is left as it is.
    """
    if split.holds_classes or not isinstance(augment, Augmentation):
        return augment
    return replace(augment, flip=0.0, shift=0.0)


def apply(augment: Augment, inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Return the augmented inputs.

    Raises:
        SpecError: A user's function fails, or returns something of another shape or dtype.
    """
    try:
        result = augment(inputs, generator)
        found = (tuple(result.shape), result.dtype)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        raise SpecError(
            f"'augment' must turn (inputs, generator) into inputs, but it failed: {error}"
        ) from error
    if found != (tuple(inputs.shape), inputs.dtype):
        raise SpecError(
            f"'augment' must return inputs like those it gets, {list(inputs.shape)} of "
            f"{inputs.dtype}, got {list(found[0])} of {found[1]}"
        )
    return result


def _flipped(inputs: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    coins = _coins(inputs, chance, generator)
    return torch.where(coins, inputs.flip(3), inputs)


def _shifted(inputs: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Return pictures cut out of padded ones, all by one gather."""
    count, _channels, height, width = inputs.shape
    down, right = int(height * share), int(width * share)
    padded = F.pad(inputs, (right, right, down, down))
    rows = _draw(count, 2 * down + 1, generator) + torch.arange(height)
    columns = _draw(count, 2 * right + 1, generator) + torch.arange(width)
    pictures = torch.arange(count)[:, None, None]
    cut = padded[pictures, :, rows[:, :, None], columns[:, None, :]]
    return cut.permute(0, 3, 1, 2)


def _erased(inputs: Tensor, chance: float, side: float, generator: torch.Generator) -> Tensor:
    count, _channels, height, width = inputs.shape
    inside_rows = _stretch(count, height, side, generator)[:, None, :, None]
    inside_columns = _stretch(count, width, side, generator)[:, None, None, :]
    hit = _coins(inputs, chance, generator)
    return inputs.masked_fill(hit & inside_rows & inside_columns, 0)


def _stretch(count: int, length: int, share: float, generator: torch.Generator) -> Tensor:
    """Return for each picture which of ``length`` pixels its stretch covers, ``[n, length]``."""
    long = max(1, round(share * length))
    starts = _draw(count, length - long + 1, generator)
    positions = torch.arange(length)
    return (positions >= starts) & (positions < starts + long)


def _coins(inputs: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    coins = torch.rand(len(inputs), generator=generator) < chance
    return coins.view(-1, 1, 1, 1)


def _draw(count: int, choices: int, generator: torch.Generator) -> Tensor:
    return torch.randint(0, choices, (count, 1), generator=generator)
