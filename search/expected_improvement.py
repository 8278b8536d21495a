"""How much a front is expected to gain by a candidate.

Exact for one to three objectives that are independent and normal: the part of the space of
objectives that no member dominates is cut into boxes, and what a candidate dominates of a box is a
product over the objectives (Yang et al., "Efficient computation of expected hypervolume improvement
using box decomposition algorithms", 2019; Daulton, Balandat and Bakshy, "Differentiable expected
hypervolume improvement", 2020). An objective that is known has no deviation, and no error then.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr

from tightfit import FloatArray
from tightfit.search.hypervolume import non_dominated
from tightfit.search.negligible import negligible

_KNOWN = 1e-12
"""Deviation up to which a value of ordinary size counts as known."""


def expected_improvement(
    means: FloatArray, deviations: FloatArray, *, front: FloatArray, corner: FloatArray
) -> FloatArray:
    """Return the expected gain in hypervolume of each candidate, ``[n]``.

    Args:
        means: Of the objectives, all to be minimized, ``[n, m]``.
        deviations: 0 where an objective is known, ``[n, m]``.
        front: Values of the members, ``[members, m]``.
        corner: The reference point, ``[m]``.
    """
    return expected_gain(means, deviations, boxes(front, corner))


def expected_gain(
    means: FloatArray, deviations: FloatArray, room: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return the same, ``[n]``, from the :func:`boxes` that a front leaves."""
    lows, highs = room
    gain = np.ones((len(means), len(lows)))
    for objective in range(means.shape[1]):
        edges, where = np.unique(
            np.concatenate([lows[:, objective], highs[:, objective]]), return_inverse=True
        )
        below = _expected_below(edges, means[:, objective], deviations[:, objective])
        low, high = np.split(where, 2)
        gain *= below[:, high] - below[:, low]
    total: FloatArray = gain.sum(axis=1)
    return total


def boxes(front: FloatArray, corner: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Cut what no member dominates, up to the corner, into boxes.

    Returns:
        Their low corners, with minus infinity, and their high corners, both ``[boxes, m]``.
    """
    m = len(corner)
    inside = front[(front < corner).all(axis=1)]
    inside = inside[non_dominated(inside)]
    if m == 1:
        best = inside.min() if len(inside) else corner[0]
        return np.array([[-np.inf]]), np.array([[best]])
    # Between two neighbouring values of the last objective, the members that reach the lower one
    # block the same part of the others.
    inside = inside[np.argsort(inside[:, -1], kind="stable")]
    edges = np.concatenate([[-np.inf], inside[:, -1], corner[-1:]])
    lows, highs = [], []
    for reached in range(len(edges) - 1):
        if edges[reached] < edges[reached + 1]:
            low, high = boxes(inside[:reached, :-1], corner[:-1])
            lows.append(np.column_stack([low, np.full(len(low), edges[reached])]))
            highs.append(np.column_stack([high, np.full(len(low), edges[reached + 1])]))
    return np.concatenate(lows), np.concatenate(highs)


def log_probability_below(bound: float, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return the logarithm of the probability that a normal value is at most ``bound``, ``[n]``."""
    safe = np.maximum(deviation, negligible(np.append(mean, bound), _KNOWN))
    result: FloatArray = log_ndtr((bound - mean) / safe)
    return result


def _expected_below(edges: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return by how much each value is expected to lie below each edge, ``[n, edges]``."""
    finite = np.isfinite(edges)
    room = np.where(finite, edges, 0.0)[None] - mean[:, None]
    known = negligible(mean, _KNOWN)
    safe = np.maximum(deviation, known)[:, None]
    scaled = room / safe
    density = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
    expected = np.where(
        deviation[:, None] > known, room * ndtr(scaled) + safe * density, np.maximum(room, 0.0)
    )
    return np.where(finite[None], expected, 0.0)
