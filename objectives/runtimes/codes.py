"""From pictures to the codes that a file of integers reads, and from its codes to numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tightfit.objectives.runtimes.protocol import Float32Array

Int8Array: TypeAlias = npt.NDArray[np.int8]

LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True, slots=True)
class CodedTensor:
    """An input or output of such a file.

    Attributes:
        shape: As the file has it, one picture: channels last where it has four axes.
        scale: Between two levels.
        zero_point: The code of zero.
    """

    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """Of one picture as a network has it, without the batch axis: channels first."""
        rest = self.shape[1:]
        return (rest[-1], *rest[:-1]) if len(rest) == 3 else rest

    def encode(self, picture: Float32Array) -> Int8Array:
        """Return the codes of one picture ``[1, ...]``, rounded as training rounds it."""
        values = picture.transpose(0, 2, 3, 1) if picture.ndim == 4 else picture
        codes = np.rint(values / np.float32(self.scale)) + self.zero_point
        found: Int8Array = np.clip(codes, LOWEST, HIGHEST).astype(np.int8)
        return np.ascontiguousarray(found)

    def decode(self, codes: Int8Array) -> Float32Array:
        """Return the numbers ``[1, ...]`` that codes stand for."""
        values = codes.transpose(0, 3, 1, 2) if codes.ndim == 4 else codes
        found: Float32Array = (values.astype(np.float32) - self.zero_point) * np.float32(self.scale)
        return found
