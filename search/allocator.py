"""Allocations: the candidates of least damage at a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from tightfit import Constraint, CostTable, FloatArray, IntArray, Sense
from tightfit.search.allocation import allocate
from tightfit.search.cost_tables import cost_tables, multiplying
from tightfit.search.descent import least_violating
from tightfit.search.integer_program import LinearLimit, least_damage
from tightfit.search.region import Region

_ROUNDS = 3
_LOCAL = 12
"""Pairs for each hparam, on average, up to which they are worth their time."""

_JOINT = 4_000
"""Joint choices up to which they get variables of their own."""


class Allocator:
    """Solves integer programs over linearized costs; what it gives keeps limits by exact ones.

    Costs are linear around a base candidate. Where what comes out breaks a limit in truth, the
    limits are drawn tighter by as much and it is solved again; what still breaks one walks to the
    limits by single choices.

    Which hparams multiply may depend on the base, as where a cost is the largest of several parts.
    It is therefore found around bases that follow from the region and the belief alone, and holds
    for every other: an interrupted search, which makes its allocator anew, finds the same.

    Args:
        region: Its static limits and costs.
        budgeted: Static metrics that get budgets beside those with limits.
        damage: By hparam what each of its choices is believed to damage, ``[choices]``.
    """

    def __init__(
        self, region: Region, budgeted: Sequence[str], damage: Sequence[FloatArray]
    ) -> None:
        self._region = region
        self._damage = damage
        screen = region.screen
        self._metrics = tuple(
            dict.fromkeys([*(each.metric for each in screen.constraints), *budgeted])
        )
        self._pairs: dict[str, tuple[tuple[int, int], ...]] | None = None

    def __call__(
        self, base: IntArray, damage: Sequence[FloatArray], budgets: Sequence[Constraint]
    ) -> IntArray | None:
        """Return an allocation that keeps the static limits, ``[hparams]``, or ``None``.

        Args:
            base: Around which costs and damage were taken.
            damage: By hparam what each of its choices damages, ``[choices]``.
            budgets: Further limits on static metrics. They are soft: they are kept as far as
                linearized costs are right.
        """
        region = self._region
        if not self._metrics:
            return self._canonical(_least_each(damage))
        tables = self._tables(base)
        limits = [*region.screen.constraints, *budgets]
        bounds = np.array([each.bound for each in limits])
        row = None
        for _ in range(_ROUNDS):
            asked = [
                _linear(tables[each.metric], replace(each, bound=float(bound) or 1e-12))
                for each, bound in zip(limits, bounds, strict=True)
            ]
            found = least_damage(damage, asked)
            if found is None:
                break
            row = self._canonical(found)
            if region.screen.keeps(row[None])[0]:
                return row
            costs = region.screen.costs(row[None])
            actual = np.array([float(costs[each.metric][0]) for each in limits])
            broken = np.array(
                [each.excess(value) > 0 for each, value in zip(limits, actual, strict=True)]
            )
            wanted = np.array([each.bound for each in limits])
            bounds = np.where(broken, bounds - (actual - wanted), bounds)
        if row is None:
            return None
        row, excess = least_violating(region.space, region.screen, row, columns=region.costly)
        return row if excess <= 0 else None

    def _canonical(self, row: IntArray) -> IntArray:
        found: IntArray = self._region.space.canonical(row[None])[0]
        return found

    def _tables(self, base: IntArray) -> Mapping[str, CostTable]:
        region, screen = self._region, self._region.screen
        if self._pairs is None:
            self._pairs = self._multiplying()
        return {
            metric: cost_tables(
                region.space, screen.costs, (metric,), base=base, pairs=self._pairs[metric]
            )[metric]
            for metric in self._metrics
        }

    def _multiplying(self) -> dict[str, tuple[tuple[int, int], ...]]:
        """Return by metric the pairs that get variables of their own.

        With nothing compressed every part is there; near the limits those parts are about equal of
        which the largest counts.
        """
        space, screen = self._region.space, self._region.screen
        whole = space.batch([space.baseline()])[0]
        near, _ = allocate(space, screen, whole, damage=self._damage)
        found = [
            multiplying(space, screen.costs, self._metrics, base)
            for base in ((whole,) if np.array_equal(near, whole) else (whole, near))
        ]
        return {
            metric: self._worth_their_time(sorted({pair for one in found for pair in one[metric]}))
            for metric in self._metrics
        }

    def _worth_their_time(self, pairs: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        counts = self._region.space.choice_counts
        joint = sum(int(counts[first] * counts[second]) for first, second in pairs)
        return tuple(pairs) if len(pairs) <= _LOCAL * len(counts) and joint <= _JOINT else ()


def _least_each(damage: Sequence[FloatArray]) -> IntArray:
    return np.array([int(each.argmin()) for each in damage], dtype=np.int64)


def _linear(table: CostTable, limit: Constraint) -> LinearLimit:
    """Return a limit on a table; that a metric is at least so much is one on its negative."""
    if limit.sense is Sense.AT_MOST:
        return LinearLimit(table, limit.bound)
    negative = replace(
        table,
        total=-table.total,
        cost=-table.cost,
        pairs={pair: -added for pair, added in table.pairs.items()},
    )
    return LinearLimit(negative, -limit.bound)
