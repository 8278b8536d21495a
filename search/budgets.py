"""Budgets on what is known before training, from the loosest to the tightest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import Constraint, Direction, Objective, Sense
from tightfit.search.region import Region


class Budgets:
    """Bounds on several objectives that move together over what the region has of each.

    Args:
        region: The candidates that keep the static limits.
        objectives: Those that are static.
    """

    def __init__(self, region: Region, objectives: Sequence[Objective]) -> None:
        self._region = region
        self._objectives = tuple(objectives)
        sample = region.draws(1_024, np.random.default_rng(1))
        self._sample = sample if len(sample) else region.tilted(64, np.random.default_rng(1))

    def __call__(self, position: float) -> list[Constraint]:
        """Return budgets on the objectives, from the loosest, at 0, to the tightest, at 1."""
        costs = self._region.screen.costs(self._sample)
        budgets = []
        for objective in self._objectives:
            values = np.asarray(costs[objective.metric])
            sense, loose, tight = (
                (Sense.AT_MOST, values.max(), values.min())
                if objective.direction is Direction.MINIMIZE
                else (Sense.AT_LEAST, values.min(), values.max())
            )
            if tight > 0 and loose > 0:
                bound = loose * (tight / loose) ** position
            else:
                bound = loose + (tight - loose) * position
            if bound != 0:
                budgets.append(Constraint(objective.metric, sense, float(bound)))
        return budgets


def van_der_corput(n: int) -> float:
    """Return the n-th number of the sequence of base 2: 0, 1/2, 1/4, 3/4, ..."""
    value, weight = 0.0, 0.5
    while n:
        value += weight * (n % 2)
        n //= 2
        weight /= 2
    return value
