"""What is nothing beside some values, whatever their unit."""

from __future__ import annotations

import numpy as np

from tightfit import FloatArray

_ORDINARY = 1e-3
"""Size of values from which on the least that counts is the same for all."""


def negligible(values: FloatArray, least: float) -> FloatArray:
    """Return up to what a difference is nothing beside values ``[n, ...]``, ``[...]``.

    Args:
        values: Along their first axis they are of one metric.
        least: What is nothing beside values of ordinary size. Beside smaller ones, such as energies
            in joules, it is in proportion less.
    """
    size = np.abs(values).max(axis=0, initial=0.0)
    share = np.where(size > 0, np.minimum(1.0, size / _ORDINARY), 1.0)
    return np.asarray(least * share)
