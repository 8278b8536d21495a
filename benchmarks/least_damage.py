"""Fronts of candidates whose damages are known and add up: what a search is held to.

At each of many budgets a greedy allocation, at every sixth an integer program that is linearized
around it; then every single change of the best at each budget, and random pairs of changes, by
exact costs, until a round finds nothing that damages less. The front is a nearly true one: nothing
proves it, and where costs multiply the programs are no better than their linearization.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import Constraint, CostModel, FloatArray, IntArray, SearchSpace, Sense
from tightfit.search.allocation import allocate
from tightfit.search.allocator import Allocator
from tightfit.search.hypervolume import non_dominated
from tightfit.search.region import Region
from tightfit.search.screening import Screen

_BUDGETS = 60
_RATIO = 0.94
_EACH = 6
"""Budgets for one program, which takes seconds where costs multiply."""

_PAIRS = 1_000
_ROUNDS = 60
_LESS = 1e-9


class LeastDamage:
    """Looks for the least damage at each budget of a cost.

    Args:
        space: Of the candidates.
        costs: Exact, of batches of candidates.
        constraints: On these costs.
        damage: By hparam what each of its choices damages, ``[choices]``.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: CostModel,
        constraints: Sequence[Constraint],
        damage: Sequence[FloatArray],
    ) -> None:
        self._space = space
        self._costs = costs
        self._constraints = tuple(constraints)
        self._damage = damage
        self._region = Region.survey(space, Screen(space, costs, constraints, errors={}))

    def front(self, metric: str, most: float, *, worst: float) -> IntArray:
        """Return candidates that keep the constraints, none of which dominates another.

        Args:
            metric: The cost that damage is traded for.
            most: The largest budget, from which the others fall.
            worst: The damage from which on a smaller candidate is of no worth.

        Returns:
            The candidates, ``[n, hparams]``.
        """
        budgets = np.array([most * _RATIO**step for step in range(_BUDGETS)])
        rows = self._of_worth(self._allocations(metric, budgets, worst), metric, worst)
        rng, before = np.random.default_rng(0), np.full(len(budgets), np.inf)
        for _ in range(_ROUNDS):
            harm, cost = self._points(rows, metric).T
            within = np.where(cost <= budgets[:, None], harm, np.inf)
            least = within.min(axis=1)
            if (least >= before - _LESS).all():
                break
            before = least
            starts = rows[np.unique(within[np.isfinite(least)].argmin(axis=1))]
            near = [self._near(start, rng) for start in starts]
            rows = self._of_worth(np.concatenate([rows, *near]), metric, worst)
        return rows

    def _allocations(self, metric: str, budgets: FloatArray, worst: float) -> IntArray:
        """Return what programs and the greedy rule find, ``[n, hparams]``."""
        whole = self._space.batch([self._space.baseline()])[0]
        allocator = Allocator(self._region, [metric], self._damage)
        found: list[IntArray] = []
        for step, budget in enumerate(budgets.tolist()):
            limit = Constraint(metric, Sense.AT_MOST, budget)
            screen = Screen(self._space, self._costs, (*self._constraints, limit), errors={})
            greedy, _ = allocate(self._space, screen, whole, damage=self._damage)
            found.append(greedy)
            if step % _EACH == 0:
                program = allocator(greedy, self._damage, [limit])
                found.extend(() if program is None else (program,))
            if self._harm(greedy[None])[0] > worst:
                break
        return np.unique(np.stack(found), axis=0)

    def _near(self, start: IntArray, rng: np.random.Generator) -> IntArray:
        """Return what differs from a candidate ``[hparams]`` in one choice or two, two by lot."""
        pairs = np.repeat(start[None], _PAIRS, axis=0)
        rows = np.arange(_PAIRS)
        for _ in range(2):
            columns = rng.integers(len(self._space), size=_PAIRS)
            pairs[rows, columns] = rng.integers(0, self._space.choice_counts[columns])
        return np.concatenate([self._region.single_changes(start), self._space.canonical(pairs)])

    def _of_worth(self, rows: IntArray, metric: str, worst: float) -> IntArray:
        """Return those that keep the constraints and that no other dominates."""
        kept = rows[self._region.screen.keeps(rows) & (self._harm(rows) < worst)]
        found: IntArray = kept[non_dominated(self._points(kept, metric))]
        return found

    def _points(self, rows: IntArray, metric: str) -> FloatArray:
        return np.column_stack([self._harm(rows), self._costs(rows)[metric]])

    def _harm(self, rows: IntArray) -> FloatArray:
        return summed(self._damage, rows)


def summed(damage: Sequence[FloatArray], batch: IntArray) -> FloatArray:
    """Return the damages of all choices of each candidate ``[n, hparams]`` together, ``[n]``."""
    total: FloatArray = np.sum([each[batch[:, i]] for i, each in enumerate(damage)], axis=0)
    return total
