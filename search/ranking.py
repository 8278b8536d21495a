"""The order of candidates that trade objectives off under limits."""

from __future__ import annotations

import numpy as np

from tightfit import Direction, FloatArray, IntArray
from tightfit.search.hypervolume import hypervolume, non_dominated

_BEYOND = 0.1


def ranking(losses: FloatArray, violations: FloatArray) -> IntArray:
    """Return the positions of candidates, the best first, ``[n]``.

    Hard limits come first: those that break them stand behind all others, by how much they do.
    Otherwise what nothing dominates stands before what only that dominates, and so on (Deb et al.,
    "A fast and elitist multiobjective genetic algorithm: NSGA-II", 2002); within such a layer goes
    first what the layer's hypervolume would lose most by. Of equals the earlier goes first.

    Args:
        losses: Objectives, all to be minimized, ``[n, m]``.
        violations: The sum of each candidate's violations, 0 where it breaks no limit, ``[n]``.
    """
    kept = np.flatnonzero(violations <= 0)
    broken = np.flatnonzero(violations > 0)
    order = []
    corner = _corner(losses[kept])
    while len(kept):
        members = kept[_layer(losses[kept])]
        worth = _contributions(losses[members], corner)
        order.append(members[np.argsort(-worth, kind="stable")])
        kept = np.setdiff1d(kept, members)
    order.append(broken[np.argsort(violations[broken], kind="stable")])
    found: IntArray = np.concatenate(order)
    return found


def _layer(losses: FloatArray) -> IntArray:
    """Return the positions that nothing dominates, equal ones together, ``[members]``."""
    best = losses[non_dominated(losses)]
    alike = (losses[:, None] == best[None]).all(axis=2).any(axis=1)
    return np.flatnonzero(alike)


def _corner(losses: FloatArray) -> FloatArray:
    """Return a tenth of the extent beyond the worst of each objective, ``[m]``."""
    if not len(losses):
        return np.zeros(losses.shape[1])
    extent = np.ptp(losses, axis=0)
    corner: FloatArray = losses.max(axis=0) + _BEYOND * np.where(extent > 0, extent, 1.0)
    return corner


def _contributions(losses: FloatArray, corner: FloatArray) -> FloatArray:
    """Return what the hypervolume of a layer would be less without each, ``[n]``."""
    directions = [Direction.MINIMIZE] * len(corner)
    whole = hypervolume(losses, corner, directions=directions)
    rest = [
        hypervolume(np.delete(losses, row, axis=0), corner, directions=directions)
        for row in range(len(losses))
    ]
    return whole - np.array(rest)
