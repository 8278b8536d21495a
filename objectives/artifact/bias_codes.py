"""Biases as codes of 32 bits, whose unit is the product of an input's step and a weight's."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

LARGEST_BIAS_CODE = 2**30

Codes: TypeAlias = npt.NDArray[np.int8]
Floats: TypeAlias = npt.NDArray[np.float32]


def bias_codes(bias: npt.NDArray[Any], scales: Floats, input_scale: float) -> npt.NDArray[np.int32]:
    """Return the codes of a bias ``[O]`` for weights with these scales ``[O]``."""
    codes = np.rint(bias / (scales.astype(np.float64) * input_scale))
    found: npt.NDArray[np.int32] = codes.astype(np.int32)
    return found


def reaching(
    codes: Codes, scales: Floats, bias: npt.NDArray[Any], input_scale: float
) -> tuple[Codes, Floats]:
    """Return weights with scales so coarse that the codes of the bias reach as far as it does.

    Only channels whose weights are next to nothing beside their bias are changed.

    Args:
        codes: Of the weights, ``[O, ...]``.
        scales: Of the weights, ``[O]``.
        bias: ``[O]``.
        input_scale: The step of the input's grid.
    """
    needed = np.abs(bias.astype(np.float64)) / (input_scale * LARGEST_BIAS_CODE)
    coarse = np.maximum(scales, needed.astype(np.float32))
    ratio = (scales / coarse).reshape(-1, *(1,) * (codes.ndim - 1))
    return np.rint(codes * ratio).astype(np.int8), coarse
