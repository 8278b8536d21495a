"""Augmentation of whole batches of pictures, drawn from a generator alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Augment: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]
"""Inputs ``[n, ...]`` to inputs of the same shape. All randomness comes from the generator, so
that the same seed gives the same views in every process."""

_SHIFT = 12
"""Pictures are shifted by up to this fraction of their side."""


def plain(inputs: Tensor, _generator: torch.Generator) -> Tensor:
    """Return the inputs as they are."""
    return inputs


def flip_and_shift(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Flip half of the pictures and shift each by up to a twelfth of its side.

    Args:
        inputs: ``[n, C, H, W]``, uint8 or float; what moves in at an edge is zero.
        generator: Gives the coins and shifts.
    """
    count, _channels, height, width = inputs.shape
    coins = torch.rand(count, generator=generator) < 0.5
    flipped = torch.where(coins.view(-1, 1, 1, 1), inputs.flip(3), inputs)
    down, right = height // _SHIFT, width // _SHIFT
    padded = F.pad(flipped, (right, right, down, down))
    rows = _starts(count, down, generator) + torch.arange(height)
    columns = _starts(count, right, generator) + torch.arange(width)
    pictures = torch.arange(count)[:, None, None]
    shifted = padded[pictures, :, rows[:, :, None], columns[:, None, :]]
    return shifted.permute(0, 3, 1, 2)


def _starts(count: int, most: int, generator: torch.Generator) -> Tensor:
    return torch.randint(0, 2 * most + 1, (count, 1), generator=generator)
