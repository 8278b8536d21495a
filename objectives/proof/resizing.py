"""Pictures of another side: bilinear with antialiasing, as torch and Pillow do it, in numpy."""

from __future__ import annotations

import math

import numpy as np

from tightfit.objectives.runtimes.protocol import Float32Array


def resize(pictures: Float32Array, side: tuple[int, int]) -> Float32Array:
    """Return pictures ``[n, C, H, W]`` with another height and width, ``[n, C, *side]``."""
    down = _weights(pictures.shape[2], side[0])
    across = _weights(pictures.shape[3], side[1])
    result: Float32Array = np.ascontiguousarray(down @ pictures @ across.T)
    return result


def _weights(length: int, wanted: int) -> Float32Array:
    """Return what each of ``wanted`` pixels takes from each of ``length``, ``[wanted, length]``.

    A triangle as wide as the step between the new pixels, at least as that between the old ones.
    """
    step = length / wanted
    reach = max(step, 1.0)
    weights = np.zeros((wanted, length), np.float32)
    for row in range(wanted):
        centre = step * (row + 0.5)
        first = max(math.floor(centre - reach + 0.5), 0)
        last = min(math.floor(centre + reach + 0.5), length)
        places = np.arange(first, last)
        triangle = np.maximum(0.0, 1.0 - np.abs((places + 0.5 - centre) / reach))
        weights[row, first:last] = triangle / triangle.sum()
    return weights
