"""Rounding that training sees: the same grid as the file's, with a straight-through gradient."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tightfit.spaces.sampling import sample_step

ACTIVATION_LEVELS = 255
FEW_CODES = 7
"""The largest code up to which it pays to cut the largest weights off."""

SMALLEST_STEP = 1e-12
SMALLEST_CLIP = 0.02
"""However far learning goes, a grid keeps some of its channel's range."""
_SHRINKS = torch.linspace(1.0, 0.5, 21)
_TERNARY_SHRINKS = torch.linspace(1.0, 0.1, 37)
_SAMPLE = 65_536


def weight_limit(bits: int) -> int:
    """Return the largest code of symmetric weights: 127 for 8 bits, 63 for 7, 7 for 4, 1 for 2."""
    return int(2 ** (bits - 1) - 1)


@torch.no_grad()
def weight_step(weight: Tensor, clip: Tensor, limit: int) -> Tensor:
    """Return the distance between two levels of each output channel, ``[O]``.

    It follows the largest weight. So rounding does not care whether a norm's gain is multiplied
    into the channel first: its step grows with it. Training rounds plain weights, the file has
    folded ones, and both are the same function (Jacob et al., 2018, fold in training as well).

    Args:
        weight: ``[O, ...]``.
        clip: Share of a channel's largest weight that the largest code stands for, ``[O]``.
        limit: The largest code, see :func:`weight_limit`.
    """
    share = clip.clamp_min(SMALLEST_CLIP)
    return (share * weight.abs().amax(others(weight)) / limit).clamp_min(SMALLEST_STEP)


def fake_quantize_weight(weight: Tensor, step: Tensor, limit: int) -> Tensor:
    """Return ``weight`` on its grid; the gradient passes as if nothing were rounded.

    Args:
        weight: ``[O, ...]``.
        step: Between levels of each channel, ``[O]``.
        limit: The largest code.
    """
    return round_to_steps(weight, along(step, weight), -limit, limit)


def fake_quantize_activation(values: Tensor, scale: Tensor, zero_point: Tensor) -> Tensor:
    """Return ``values`` on their grid of 256 levels; the gradient passes.

    Args:
        values: Of any shape, in float32 or bfloat16, whose 8 significant bits hold every code.
        scale: Between levels, ``[]``.
        zero_point: The code of zero, ``[]``.
    """
    if values.device.type == "cpu":
        # Numbers instead of tensors spare the checks of broadcasting; elsewhere they would wait
        # for the device.
        zero = int(zero_point)
        return round_to_steps(values, float(scale), -zero, ACTIVATION_LEVELS - zero)
    # Beside values in bfloat16, a scale that is a tensor would itself be rounded to bfloat16.
    wide = values.to(torch.promote_types(values.dtype, scale.dtype))
    return round_to_steps(wide, scale, -zero_point, ACTIVATION_LEVELS - zero_point).to(values.dtype)


def round_to_steps(
    values: Tensor, step: Tensor | float, low: Tensor | float, high: Tensor | float
) -> Tensor:
    """Return the nearest multiples of ``step``; the gradient passes, at and beyond the ends too.

    Args:
        values: Of any shape.
        step: Between levels, of a shape that divides ``values``.
        low: The lowest level in steps.
        high: The highest level in steps.
    """
    result: Tensor = _Round.apply(values, step, low, high)
    return result


def others(weight: Tensor) -> tuple[int, ...]:
    """Return every axis of ``weight`` ``[O, ...]`` but that of its output channels."""
    return tuple(range(1, weight.dim()))


def along(numbers: Tensor, weight: Tensor, axis: int = 0) -> Tensor:
    """Return ``numbers`` ``[O]`` in the shape that multiplies ``weight`` along ``axis``."""
    shape = [1] * weight.dim()
    shape[axis] = -1
    return numbers.reshape(shape)


class _Round(torch.autograd.Function):
    """Rounds to multiples of a step within limits, with the straight-through gradient.

    Several times faster on a CPU than ``torch.fake_quantize_*``, which has no vector code for
    bfloat16 and writes a mask beside each result.
    """

    @staticmethod
    def forward(_ctx: Any, values: Tensor, step: Any, low: Any, high: Any) -> Tensor:
        # Divided as a file's QuantizeLinear divides: a product with the reciprocal rounds other
        # values up, and pictures of 256 grey levels have the same value many times.
        result: Tensor = (values / step).round_().clamp_(low, high).mul_(step)
        return result

    @staticmethod
    def backward(_ctx: Any, *gradients: Any) -> tuple[Any, None, None, None]:
        return gradients[0], None, None, None


@torch.no_grad()
def best_clip(weight: Tensor, limit: int) -> Tensor:
    """Return the clip of each channel that leaves the least squared error, ``[O]``.

    With 8 bits nothing is clipped; with 4, cutting a few large weights off makes the grid finer for
    all others (Banner, Nahshan and Soudry, 2019); with 2, one size stands for all weights that are
    not zero (Li and Liu, "Ternary weight networks", 2016).
    """
    flat = weight.detach().float().flatten(1)
    ones = torch.ones(len(flat), device=flat.device)
    if limit > FEW_CODES:
        return ones
    shrinks = (_SHRINKS if limit > 1 else _TERNARY_SHRINKS).to(flat.device)
    largest = weight_step(flat, ones, limit)
    errors = torch.stack(
        [
            (fake_quantize_weight(flat, shrink * largest, limit) - flat).square().sum(1)
            for shrink in shrinks
        ]
    )
    return shrinks[errors.argmin(0)]


class Range:
    """Finds the range of an activation from its values."""

    def __init__(self) -> None:
        self._low, self._high, self._finite = 0.0, 0.0, True
        self._samples: list[Tensor] = []

    def see(self, values: Tensor) -> None:
        """Take note of a batch."""
        flat = values.detach().float().flatten()
        low, high = (float(end) for end in flat.aminmax())
        self._finite &= math.isfinite(low) and math.isfinite(high)
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._samples.append(flat[:: sample_step(len(flat), _SAMPLE)].cpu())

    def grid(self, *, least_error: bool = True) -> tuple[Tensor, Tensor]:
        """Return scale and zero point, both ``[]``, that leave the least squared error.

        The scale is NaN when a value was not finite.

        Args:
            least_error: Else the grid holds every value that was seen.
        """
        if not self._finite:
            return torch.tensor(math.nan), torch.tensor(0, dtype=torch.int32)
        if not least_error:
            return affine(self._low, self._high)
        values = torch.cat(self._samples)
        values = values[:: max(1, len(values) // _SAMPLE)]
        best = (torch.tensor(float("inf")), torch.tensor(1.0), torch.tensor(0, dtype=torch.int32))
        for shrink in _SHRINKS.tolist():
            scale, zero = affine(shrink * self._low, shrink * self._high)
            rounded = fake_quantize_activation(values, scale, zero)
            error = (rounded - values).square().mean()
            if error < best[0]:
                best = (error, scale, zero)
        return best[1], best[2]


def affine(low: float, high: float) -> tuple[Tensor, Tensor]:
    """Return scale and zero point of the grid from ``low`` to ``high``, both ``[]``."""
    scale = max((high - low) / ACTIVATION_LEVELS, 1e-8)
    zero = min(max(round(-low / scale), 0), ACTIVATION_LEVELS)
    return torch.tensor(scale), torch.tensor(zero, dtype=torch.int32)
