"""What training asks of a network that can round as its file will."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Quantizable(Protocol):
    """A network with switchable rounding.

    Attributes:
        quantization: Whether the forward pass rounds.
    """

    quantization: bool

    @property
    def quantized(self) -> bool:
        """Whether anything of it is quantized."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the input that it wants, without the batch axis."""
        ...

    def learned_steps(self) -> list[Tensor]:
        """Return what learns beside the parameters while it rounds."""
        ...

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Find the ranges of its activations."""
        ...

    def correct_biases(self, inputs: Tensor) -> None:
        """Take the mean error of rounding out of each channel."""
        ...

    def recalibrate_norms(self, batches: Iterable[Tensor]) -> None:
        """Take the statistics of normalizations anew."""
        ...
