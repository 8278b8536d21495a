from __future__ import annotations

import torch
from torch.nn import functional as F

from tightfit.objectives.models.adaptation import fit_channels, fit_grid, fit_kernel


def weight(channels: int = 3, kernel: int = 7) -> torch.Tensor:
    return torch.randn(4, channels, kernel, kernel, generator=torch.Generator().manual_seed(0))


def test_equal_channels_give_the_same_output_for_any_number_of_them() -> None:
    picture = torch.randn(1, 1, 9, 9)
    expected = F.conv2d(picture.expand(-1, 3, -1, -1), weight())
    for channels in (1, 2, 4, 12):
        fitted = fit_channels(weight(), channels)
        assert fitted.shape == (4, channels, 7, 7)
        found = F.conv2d(picture.expand(-1, channels, -1, -1), fitted)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_an_even_picture_gives_about_the_same_output_for_any_kernel() -> None:
    even = torch.ones(4, 3, 7, 7)
    for side in (1, 3, 5, 14):
        fitted = fit_kernel(even, (side, side))
        assert fitted.shape == (4, 3, side, side)
        torch.testing.assert_close(fitted.sum((2, 3)), even.sum((2, 3)))


def test_a_grid_is_interpolated_by_place() -> None:
    rows = torch.linspace(0, 1, 4)
    ramp = torch.stack([rows.repeat_interleave(4), rows.repeat(4)], dim=1)
    fitted = fit_grid(ramp, 49)
    assert fitted.shape == (49, 2)
    torch.testing.assert_close(fitted[:, 0].view(7, 7).mean(1), fitted[:, 1].view(7, 7).mean(0))
    assert fitted[0].tolist() == [0.0, 0.0]
    torch.testing.assert_close(fitted[-1], torch.ones(2))
