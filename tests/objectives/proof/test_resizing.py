from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tightfit.objectives.proof.resizing import resize


@pytest.mark.parametrize("side", [(8, 8), (12, 9), (14, 14), (28, 28), (40, 33), (1, 1)])
def test_pictures_are_resized_as_training_does_it(side: tuple[int, int]) -> None:
    pictures = torch.rand(3, 2, 28, 27, generator=torch.Generator().manual_seed(0))
    wanted = F.interpolate(
        pictures, size=side, mode="bilinear", antialias=True, align_corners=False
    )
    assert torch.allclose(torch.from_numpy(resize(pictures.numpy(), side)), wanted, atol=1e-5)
