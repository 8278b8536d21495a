"""Rounding of weights whose step is trained with them.

Esser et al., "Learned step size quantization", 2020. A step is kept as the share ``clip`` of its
channel's largest weight, as in the state of every quantized network, so that a weight that grows
takes its grid along; the gradient is scaled so that a share moves as far as the paper's step would.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tightfit.spaces.fake_quantization import SMALLEST_CLIP, along, others, weight_step

_LARGEST_GRADIENT = 1.0
"""Of a clip. A channel of next to no weights would otherwise shout all others down."""


def round_to_learned_steps(weight: Tensor, clip: Tensor, limit: int) -> Tensor:
    """Return ``weight`` on its grid; the gradient goes to the weights and to the clip.

    Args:
        weight: ``[O, ...]``.
        clip: Share of a channel's largest weight that the largest code stands for, ``[O]``.
        limit: The largest code.
    """
    with torch.no_grad():
        step = weight_step(weight, clip, limit)
    result: Tensor = _LearnedRound.apply(weight, clip, step, limit)
    return result


class _LearnedRound(torch.autograd.Function):
    """Equations 1 to 3, with the scale of the gradient of section 2.2."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, clip: Tensor, step: Tensor, limit: int) -> Tensor:
        wide = along(step, weight)
        ratio = weight / wide
        codes = ratio.round().clamp_(-limit, limit)
        ctx.save_for_backward(ratio, codes, clip, step)
        ctx.limit = limit
        return codes * wide

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, None, None]:
        ratio, codes, clip, step = ctx.saved_tensors
        inside = ratio.abs() <= ctx.limit
        slope = torch.where(inside, codes - ratio, codes)
        by_step = (gradients[0] * slope).sum(others(ratio))
        scale = math.sqrt(ratio.numel() / len(step) * ctx.limit)
        # A step moves by its gradient over the scale; its clip by the same share of itself.
        by_clip = by_step * (clip.clamp_min(SMALLEST_CLIP) / step) / scale
        return (
            gradients[0] * inside,
            by_clip.clamp_(-_LARGEST_GRADIENT, _LARGEST_GRADIENT),
            None,
            None,
        )
