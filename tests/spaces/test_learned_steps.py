"""Steps that are learned with the weights."""

from __future__ import annotations

import pytest
import torch

from tightfit.spaces.fake_quantization import (
    SMALLEST_CLIP,
    best_clip,
    fake_quantize_weight,
    weight_step,
)
from tightfit.spaces.learned_steps import round_to_learned_steps


def weights(seed: int = 0) -> torch.Tensor:
    return torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("limit", [7, 1])
def test_what_learns_is_rounded_to_the_same_grid(limit: int) -> None:
    weight = weights()
    clip = best_clip(weight, limit).requires_grad_()
    expected = fake_quantize_weight(weight, weight_step(weight, clip, limit), limit)
    assert torch.equal(round_to_learned_steps(weight, clip, limit), expected)


def test_gradients_are_those_of_the_paper() -> None:
    """By hand: steps of 0.5, codes up to 1, weights on both sides of the last level."""
    weight = torch.tensor([[0.2, -0.3, 1.0, -0.9]], requires_grad=True)
    clip = torch.tensor([0.5], requires_grad=True)  # of the largest weight, 1.0
    upstream = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    (round_to_learned_steps(weight, clip, 1) * upstream).sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert clip.grad is not None
    assert weight.grad.tolist() == [[1.0, 2.0, 0.0, 0.0]]
    slopes = torch.tensor([0.0 - 0.4, -1.0 + 0.6, 1.0, -1.0])
    by_step = float((upstream[0] * slopes).sum()) / (4 * 1) ** 0.5
    assert float(clip.grad) == pytest.approx(max(-1.0, by_step * 0.5 / 0.5))


@pytest.mark.parametrize("learned", [0.0, -0.3])
def test_a_clip_below_the_least_learns_like_the_least(learned: float) -> None:
    gradients = []
    for share in (learned, SMALLEST_CLIP):
        clip = torch.full((6,), share, requires_grad=True)
        rounded = round_to_learned_steps(weights(), clip, 7)
        (rounded - weights()).square().sum().backward()  # type: ignore[no-untyped-call]
        assert clip.grad is not None
        gradients.append(clip.grad)
    assert bool((gradients[1] < 0).all())  # a larger clip leaves less error
    assert torch.equal(gradients[0], gradients[1])


@pytest.mark.parametrize("limit", [7, 1])
def test_learning_finds_a_step_with_less_error(limit: int) -> None:
    weight = weights()
    clip = torch.ones(6, requires_grad=True)

    def error() -> torch.Tensor:
        return (round_to_learned_steps(weight, clip, limit) - weight).square().sum()

    before = float(error().detach())
    optimizer = torch.optim.SGD([clip], lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        error().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    searched = best_clip(weight, limit)
    best = fake_quantize_weight(weight, weight_step(weight, searched, limit), limit)
    assert float(error().detach()) < before
    assert float(error().detach()) < 1.1 * float((best - weight).square().sum())


def test_a_channel_of_nothing_has_a_finite_gradient() -> None:
    weight = torch.zeros(2, 3, requires_grad=True)
    clip = torch.ones(2, requires_grad=True)
    round_to_learned_steps(weight, clip, 7).sum().backward()  # type: ignore[no-untyped-call]
    assert clip.grad is not None
    assert bool(clip.grad.isfinite().all())
