from __future__ import annotations

import numpy as np
import pytest
import torch

from tightfit.objectives.runtimes.codes import CodedTensor
from tightfit.spaces.fake_quantization import fake_quantize_activation


@pytest.mark.parametrize("scale", [0.0117, 0.0239, 0.037, 0.3])
def test_pictures_are_rounded_as_training_rounds_them(scale: float) -> None:
    """Also those that lie in the middle of two levels, as far as float32 can tell."""
    step = np.float32(scale)
    values = (np.arange(-100, 100, dtype=np.float32) + np.float32(0.5)) * step
    tensor = CodedTensor((1, len(values)), float(step), zero_point=-28)
    found = tensor.decode(tensor.encode(values[None]))
    expected = fake_quantize_activation(
        torch.from_numpy(values[None]), torch.tensor(step), torch.tensor(100, dtype=torch.int32)
    )
    np.testing.assert_array_equal(found, expected.numpy())
