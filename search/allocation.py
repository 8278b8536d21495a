"""The least damage that keeps the static limits, when what single choices damage adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tightfit import (
    Candidate,
    Constraint,
    CostModel,
    FloatArray,
    IntArray,
    SearchSpace,
    Sense,
)
from tightfit.search.cost_tables import changed
from tightfit.search.reference_candidates import ReferenceCandidate
from tightfit.search.screening import Screen

_LEAST = 1e-6
_TIGHTER = 0.75


def allocate(
    space: SearchSpace, screen: Screen, start: IntArray, *, damage: Sequence[FloatArray]
) -> tuple[IntArray, float]:
    """Compress step by step where the limits gain most for the damage that is done.

    The greedy rule of marginal gains (Fox, "Discrete optimization via marginal analysis", 1966),
    with exact costs in every step: where the costs of two sites multiply, the second step sees
    what the first one did.

    Args:
        space: Of the study.
        screen: The static limits.
        start: Where to begin, usually with nothing compressed, ``[hparams]``.
        damage: By hparam, what each of its choices damages, ``[choices]``; empty for an hparam
            that stays as it is.

    Returns:
        The candidate ``[hparams]``, and the sum of its positive violations: 0 where it keeps the
        limits, else the least that this way reaches.
    """
    columns = np.array([c for c, known in enumerate(damage) if len(known)], dtype=np.int64)
    harm = np.concatenate([damage[column] for column in columns] or [np.zeros(0)])
    where = np.repeat(columns, space.choice_counts[columns])
    current, excess = start, float(screen.excess(start[None])[0])
    while excess > 0 and len(where):
        steps = space.canonical(changed(space, current, columns))
        reached = screen.excess(steps)
        now = np.array([damage[int(column)][current[column]] for column in where])
        gain = (excess - reached) / np.maximum(harm - now, _LEAST)
        gain[reached >= excess] = -np.inf
        best = int(gain.argmax())
        if not np.isfinite(gain[best]):
            break
        current, excess = steps[best], float(reached[best])
    return current, excess


def allocated_candidates(
    space: SearchSpace,
    costs: CostModel,
    constraints: Sequence[Constraint],
    *,
    base: Candidate,
    damage: Sequence[FloatArray],
    static_errors: Mapping[str, float],
    count: int,
) -> tuple[ReferenceCandidate, ...]:
    """Return the least damaging candidates within the static limits, and within tighter ones.

    Args:
        space: Of the study.
        costs: Static metrics of batches of candidates.
        constraints: Of the study; those on static metrics count.
        base: Gives the choices of all hparams that ``damage`` says nothing about.
        damage: By hparam, what each of its choices damages, ``[choices]``, or empty.
        static_errors: Relative errors of those static metrics that are predictions.
        count: How many; each has its upper bounds at three quarters of the one before.
    """
    found: dict[Candidate, ReferenceCandidate] = {}
    start = np.array(base.indices, dtype=np.int64)
    start[[column for column, known in enumerate(damage) if len(known)]] = 0
    for step in range(count):
        share = _TIGHTER**step
        screen = Screen(space, costs, _tightened(constraints, share), errors=static_errors)
        row, excess = allocate(space, screen, start, damage=damage)
        candidate = space.candidate(row)
        if excess > 0 and step:
            break  # no tighter bound can be kept either
        within = "" if step == 0 else f" within {100 * share:.0f} %"
        found.setdefault(
            candidate, ReferenceCandidate(f"least sensitive{within}", candidate, excess)
        )
    return tuple(found.values())


def _tightened(constraints: Sequence[Constraint], share: float) -> list[Constraint]:
    return [
        replace(each, bound=each.bound * share)
        if each.sense is Sense.AT_MOST and each.bound > 0
        else each
        for each in constraints
    ]
