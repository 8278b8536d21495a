"""Pixels in 0..1, in which the strength of a change is stated whatever a data set holds."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit.objectives.data import Data


@dataclass(frozen=True, slots=True)
class PixelScale:
    """Brings the inputs of a data set to 0..1 and back.

    Bytes are divided by 255; floats lie between the smallest and the largest one of the training
    split.
    """

    low: float
    high: float
    bytes: bool

    @classmethod
    def of(cls, data: Data) -> PixelScale:
        """Return the scale of a data set."""
        inputs = data.train.inputs
        if inputs.dtype == torch.uint8:
            return cls(0.0, 255.0, bytes=True)
        low, high = float(inputs.min()), float(inputs.max())
        return cls(low, high if high > low else low + 1.0, bytes=False)

    def to_unit(self, inputs: Tensor) -> Tensor:
        """Return inputs as pixels in 0..1; floats of other splits may lie a little outside."""
        return (inputs.float() - self.low) / (self.high - self.low)

    def from_unit(self, pixels: Tensor) -> Tensor:
        """Return pixels as float inputs, which :meth:`Data.normalize` takes."""
        return pixels if self.bytes else self.low + pixels * (self.high - self.low)
