"""Places of a tensor that stand for all of them."""

from __future__ import annotations

import math


def sample_step(length: int, places: int) -> int:
    """Return the distance between the places of a sample, which has some ``places`` of ``length``.

    It has no divisor in common with the length. With one, a sample of maps laid end to end would
    see the same few rows or columns of every map.
    """
    step = max(1, length // places)
    while math.gcd(step, length) > 1:
        step += 1
    return step
