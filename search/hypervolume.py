"""Hypervolume: how much of the space of objectives a set of points dominates.

Exact for one to three objectives (Zitzler and Thiele, 1998). The reference point is the corner that
every counted point must beat; a point that is not strictly better than it in every objective adds
nothing. Figures of two runs can be compared only when they share the reference point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import BoolArray, Direction, FloatArray, Objective, Record, SpecError


def hypervolume(
    points: FloatArray, reference: FloatArray, *, directions: Sequence[Direction]
) -> float:
    """Return the volume dominated by ``points`` ``[n, m]`` up to ``reference`` ``[m]``.

    Args:
        points: Objective values in their own units, 1 to 3 objectives.
        reference: The corner, in the same units.
        directions: Which way each objective is better, ``m`` of them.

    Raises:
        SpecError: More than three objectives, or sizes that differ.
    """
    m = len(directions)
    if not 1 <= m <= 3:
        raise SpecError(f"a hypervolume takes 1 to 3 objectives, got {m}")
    corner = np.asarray(reference, dtype=np.float64)
    values = (
        np.asarray(points, dtype=np.float64).reshape(-1, m) if len(points) else np.empty((0, m))
    )
    if corner.shape != (m,) or len(values) != len(points):
        raise SpecError(
            f"points and reference must have {m} objectives, got shapes "
            f"{np.shape(points)} and {corner.shape}"
        )
    # From here on smaller is better and the reference point is the origin.
    losses = as_losses(values, directions) - as_losses(corner[None], directions)
    losses = losses[(losses < 0).all(axis=1)]
    if not len(losses):
        return 0.0
    losses = losses[non_dominated(losses)]
    if m == 1:
        return float(-losses.min())
    return _area(losses) if m == 2 else _volume(losses)


def hypervolume_history(
    records: Sequence[Record], objectives: Sequence[Objective], reference: FloatArray
) -> FloatArray:
    """Return the hypervolume of the feasible records up to and with each record, ``[records]``."""
    directions = tuple(objective.direction for objective in objectives)
    corner = np.asarray(reference, dtype=np.float64)
    front = np.empty((0, len(directions)))
    history = np.zeros(len(records))
    reached = 0.0
    for position, record in enumerate(records):
        if record.feasible:
            point = [record.measurement.value(objective.metric) for objective in objectives]
            front = np.vstack([front, point])
            front = front[non_dominated(as_losses(front, directions))]
            reached = hypervolume(front, corner, directions=directions)
        history[position] = reached
    return history


def as_losses(values: FloatArray, directions: Sequence[Direction]) -> FloatArray:
    """Return values ``[n, m]`` with the sign that makes smaller better."""
    signs = [1.0 if direction is Direction.MINIMIZE else -1.0 for direction in directions]
    losses: FloatArray = values * np.array(signs)
    return losses


def non_dominated(losses: FloatArray) -> BoolArray:
    """Return which rows of ``losses`` ``[n, m]`` no row dominates; of equal rows the first."""
    keep = np.zeros(len(losses), dtype=bool)
    # What dominates a row stands before it in this order, and so does the first of equal rows.
    rest = np.lexsort(losses.T[::-1])
    while len(rest):
        first = rest[0]
        keep[first] = True
        rest = rest[(losses[rest] < losses[first]).any(axis=1)]
    return keep


def _area(losses: FloatArray) -> float:
    """Return the area between non-dominated points ``[n, 2]`` and the origin."""
    ordered = losses[np.argsort(losses[:, 0])]
    heights = np.diff(np.concatenate([[0.0], ordered[:, 1]]))
    return float((ordered[:, 0] * heights).sum())


def _volume(losses: FloatArray) -> float:
    """Return the volume between non-dominated points ``[n, 3]`` and the origin, slice by slice."""
    ordered = losses[np.argsort(losses[:, 2])]
    ends = np.concatenate([ordered[1:, 2], [0.0]])
    volume = 0.0
    for position, depth in enumerate(ends - ordered[:, 2]):
        if depth > 0:
            below = ordered[: position + 1, :2]
            volume += _area(below[non_dominated(below)]) * depth
    return float(volume)
