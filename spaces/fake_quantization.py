"""Rounding that training sees: the same grid as the file's, with a straight-through gradient."""

from __future__ import annotations

import torch
from torch import Tensor

ACTIVATION_LEVELS = 255
_SHRINKS = torch.linspace(1.0, 0.5, 21)
_SAMPLE = 65_536


def weight_limit(bits: int) -> int:
    """Return the largest code of symmetric weights: 127 for 8 bits, 7 for 4."""
    return int(2 ** (bits - 1) - 1)


def weight_scale(weight: Tensor, clip: Tensor, bits: int) -> Tensor:
    """Return the scale of each output channel, ``[O]``.

    Args:
        weight: ``[O, ...]``.
        clip: Share of a channel's largest weight that the largest code stands for, ``[O]``.
        bits: 8 or 4.
    """
    largest = weight.detach().flatten(1).abs().amax(1).float()
    return (clip * largest / weight_limit(bits)).clamp_min(1e-12)


def fake_quantize_weight(weight: Tensor, scale: Tensor, bits: int) -> Tensor:
    """Return ``weight`` ``[O, ...]`` on the grid of ``scale`` ``[O]``."""
    limit = weight_limit(bits)
    zero = torch.zeros(len(scale), dtype=torch.int32, device=weight.device)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -limit, limit)


def best_clip(weight: Tensor, bits: int) -> Tensor:
    """Return the clip of each channel that leaves the least squared error, ``[O]``.

    With 8 bits nothing is clipped; with 4, cutting a few large weights off makes the grid finer for
    all others (Banner, Nahshan and Soudry, 2019).
    """
    ones = torch.ones(len(weight))
    if bits >= 8:
        return ones
    flat = weight.detach().float().flatten(1)
    errors = []
    for shrink in _SHRINKS:
        scale = weight_scale(flat, shrink * ones, bits)
        errors.append((fake_quantize_weight(flat, scale, bits) - flat).square().sum(1))
    return _SHRINKS[torch.stack(errors).argmin(0)]


class Range:
    """Finds the range of an activation from its values."""

    def __init__(self) -> None:
        self._low, self._high = 0.0, 0.0
        self._samples: list[Tensor] = []

    def see(self, values: Tensor) -> None:
        """Take note of a batch."""
        flat = values.detach().float().flatten()
        self._low = min(self._low, float(flat.min()))
        self._high = max(self._high, float(flat.max()))
        stride = max(1, len(flat) // _SAMPLE)
        self._samples.append(flat[::stride])

    def grid(self) -> tuple[Tensor, Tensor]:
        """Return scale and zero point, both ``[]``, that leave the least squared error."""
        values = torch.cat(self._samples)
        values = values[:: max(1, len(values) // _SAMPLE)]
        best = (torch.tensor(float("inf")), torch.tensor(1.0), torch.tensor(0, dtype=torch.int32))
        for shrink in _SHRINKS.tolist():
            scale, zero = _affine(shrink * self._low, shrink * self._high)
            rounded = torch.fake_quantize_per_tensor_affine(
                values, scale, zero, 0, ACTIVATION_LEVELS
            )
            error = (rounded - values).square().mean()
            if error < best[0]:
                best = (error, scale, zero)
        return best[1], best[2]


def _affine(low: float, high: float) -> tuple[Tensor, Tensor]:
    scale = max((high - low) / ACTIVATION_LEVELS, 1e-8)
    zero = min(max(round(-low / scale), 0), ACTIVATION_LEVELS)
    return torch.tensor(scale), torch.tensor(zero, dtype=torch.int32)
