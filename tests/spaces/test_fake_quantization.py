"""Rounding in training: the grids, their gradients, and the ranges that are found."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses import FakeTensorMode

from tightfit.spaces.fake_quantization import (
    Range,
    best_clip,
    fake_quantize_activation,
    fake_quantize_weight,
    round_to_steps,
    weight_limit,
    weight_step,
)


def weights(seed: int = 0) -> torch.Tensor:
    return torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_are_rounded_as_torch_rounds_them(bits: int) -> None:
    weight, limit = weights(), weight_limit(bits)
    step = weight_step(weight, torch.ones(6), limit)
    expected = torch.fake_quantize_per_channel_affine(
        weight, step, torch.zeros(6, dtype=torch.int32), 0, -limit, limit
    )
    torch.testing.assert_close(fake_quantize_weight(weight, step, limit), expected)


def test_a_gain_may_be_multiplied_before_or_after_rounding() -> None:
    weight, gain = weights(), torch.rand(6) + 0.5
    scaled = weight * gain[:, None, None, None]
    ones = torch.ones(6)
    before = fake_quantize_weight(scaled, weight_step(scaled, ones, 7), 7)
    after = fake_quantize_weight(weight, weight_step(weight, ones, 7), 7)
    torch.testing.assert_close(before, after * gain[:, None, None, None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_activations_take_256_levels_and_zero_is_one_of_them(dtype: torch.dtype) -> None:
    values = torch.cat([torch.linspace(-3, 9, 4001), torch.zeros(1)]).to(dtype)
    scale, zero = torch.tensor(0.04), torch.tensor(50, dtype=torch.int32)
    rounded = fake_quantize_activation(values, scale, zero)
    assert rounded.dtype == dtype
    assert len(set(rounded.tolist())) <= 256
    assert rounded[-1] == 0
    assert float(rounded.min()) == pytest.approx(-50 * 0.04, rel=1e-2)
    assert float(rounded.max()) == pytest.approx(205 * 0.04, rel=1e-2)


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    values = torch.linspace(-1, 1, 9, requires_grad=True)
    scale, zero = torch.tensor(0.1), torch.tensor(128, dtype=torch.int32)
    (fake_quantize_activation(values, scale, zero) * torch.arange(9.0)).sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert torch.equal(values.grad, torch.arange(9.0))


def test_tensors_round_as_numbers_do() -> None:
    """Devices whose numbers are waited for are given tensors."""
    zero, found = torch.tensor(50, dtype=torch.int32), []
    ways: list[tuple[torch.Tensor | float, ...]] = [
        (torch.tensor(0.04), -zero, 255 - zero),
        (float(torch.tensor(0.04)), -50, 205),
    ]
    for step, low, high in ways:
        values = (torch.arange(-400, 1200) / 100).requires_grad_()  # halves of steps among them
        rounded = round_to_steps(values, step, low, high)
        rounded.sum().backward()  # type: ignore[no-untyped-call]
        assert values.grad is not None
        assert torch.equal(values.grad, torch.ones_like(values))
        found.append(rounded.detach())
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_on_a_gpu_waits_for_no_number(dtype: torch.dtype) -> None:
    """Tensors without numbers, as on a GPU: to read one is an error."""
    with FakeTensorMode():
        values = torch.empty(3, 4, dtype=dtype, device="cuda")
        scale = torch.empty((), device="cuda")
        zero = torch.empty((), dtype=torch.int32, device="cuda")
        rounded = fake_quantize_activation(values, scale, zero)
    assert (rounded.dtype, rounded.shape) == (dtype, values.shape)


def test_four_bits_cut_outliers_and_eight_do_not() -> None:
    weight = weights()
    weight[0, 0, 0, 0] = 8.0
    assert torch.equal(best_clip(weight, 127), torch.ones(6))
    clip = best_clip(weight, 7)
    assert clip.shape == (6,)
    assert bool(((clip >= 0.5) & (clip <= 1)).all())

    def error(share: torch.Tensor) -> torch.Tensor:
        rounded = fake_quantize_weight(weight, weight_step(weight, share, 7), 7)
        return (rounded - weight).square().flatten(1).sum(1)

    assert bool((error(clip) <= error(torch.ones(6)) + 1e-6).all())


def test_a_range_holds_what_it_saw() -> None:
    seen = Range()
    for low, high in [(-1.0, 2.0), (0.0, 4.0)]:
        seen.see(torch.linspace(low, high, 1000))
    scale, zero = seen.grid()
    values = torch.linspace(-1, 4, 100)
    assert (fake_quantize_activation(values, scale, zero) - values).abs().max() < 2 * scale


def test_a_range_of_nothing_but_zeros_has_a_scale() -> None:
    seen = Range()
    seen.see(torch.zeros(10))
    scale, zero = seen.grid()
    assert scale > 0
    assert zero == 0


def test_a_range_samples_every_row_of_a_map() -> None:
    rows = torch.ones(64, 64, 64)
    rows[:, 1] = 100.0  # a sample at multiples of the rows' length would see only some of them
    seen = Range()
    seen.see(rows)
    scale, _ = seen.grid()
    assert scale == pytest.approx(100 / 255, rel=0.05)
