"""What candidates cost before anything is built, as the search and an allocation ask for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations, product

import numpy as np

from tightfit import Candidate, CostStructure, CostTable, FloatArray, IntArray, SpecError
from tightfit.choice_array import TooManyChoicesError
from tightfit.objectives.metrics import STATIC_METRICS, StaticMetric, compute_static
from tightfit.objectives.metrics.structure import cost_structures
from tightfit.objectives.metrics.tables import CostTables
from tightfit.objectives.profile import DeviceProfile
from tightfit.spaces.compression import CompressionSpace

FEW = 1000
"""Candidates in all up to which tables cost more time than they save."""


class StaticCosts:
    """The static metrics of candidates: a :class:`tightfit.CostModel`.

    Tables are made when enough candidates have been asked for. They give exactly the numbers that
    a blueprint gives, which also serves networks whose layers depend on too many choices for them.
    """

    names = frozenset(static.metric.name for static in STATIC_METRICS)
    """Of the metrics: what is known of a candidate before anything is built."""

    def __init__(self, space: CompressionSpace, profile: DeviceProfile) -> None:
        self._space = space
        self._profile = profile
        self._asked = 0
        self._tables: CostTables | None = None
        self._fits = True

    def __call__(self, batch: IntArray) -> Mapping[str, FloatArray]:
        """Return every static metric of a batch ``[n, hparams]``, each ``[n]``."""
        self._asked += len(batch)
        if self._tables is None and self._fits and self._asked > FEW:
            try:
                self._tables = self._compile(STATIC_METRICS)
            except TooManyChoicesError:
                self._fits = False
        if self._tables is None:
            return compute_static(self._space.blueprint(batch), self._profile)
        return self._tables(batch)

    def additive(self, metric: str, base: Candidate | None = None) -> CostTable:
        """Return what each choice, and each pair of choices, adds to a metric.

        Args:
            metric: A static one that is a sum over operations: all but ``ram_kb``.
            base: The candidate that is changed; the baseline where there is none.

        Raises:
            SpecError: An unknown metric, one that is no sum, or a network whose layers depend on
                too many choices at once.
        """
        static = _summed(metric)
        space = self._space.search_space
        base = base or space.baseline()
        tables = self._compile((static,))
        counts = [int(count) for count in space.choice_counts]
        row = np.array(base.indices, dtype=np.int64)

        def costs(changes: Sequence[tuple[tuple[int, int], ...]]) -> FloatArray:
            batch = np.tile(row, (len(changes), 1))
            for changed, pairs in zip(batch, changes, strict=True):
                for column, choice in pairs:
                    changed[column] = choice
            return tables(batch)[metric]

        total = float(costs([()])[0])
        cost = np.full((len(counts), max(counts)), np.nan)
        single = [(column, choice) for column, n in enumerate(counts) for choice in range(n)]
        cost[tuple(zip(*single, strict=True))] = costs([(each,) for each in single]) - total
        pairs = {}
        for first, second in sorted(_pairs(tables)):
            shape = counts[first], counts[second]
            both = [((first, i), (second, j)) for i, j in product(*map(range, shape))]
            alone = cost[first, : shape[0], None] + cost[second, None, : shape[1]]
            pairs[first, second] = costs(both).reshape(shape) - total - alone
        return CostTable(metric, base, total, cost, pairs)

    def structures(self, metrics: Collection[str]) -> dict[str, CostStructure]:
        """Return how static metrics are made of choices; those of other names are left out.

        Empty for a network whose layers depend on too many choices at once.
        """
        wanted = [static for static in STATIC_METRICS if static.metric.name in metrics]
        try:
            return cost_structures(
                self._space.blueprint, self._space.search_space, self._profile, metrics=wanted
            )
        except TooManyChoicesError:
            return {}

    def _compile(self, metrics: tuple[StaticMetric, ...]) -> CostTables:
        return CostTables(
            self._space.blueprint, self._space.search_space, self._profile, metrics=metrics
        )


def _pairs(tables: CostTables) -> set[tuple[int, int]]:
    return {pair for columns in tables.dependencies for pair in combinations(sorted(columns), 2)}


def _summed(name: str) -> StaticMetric:
    """Return the metric of a name, which must be a sum over operations."""
    summed = {
        static.metric.name: static
        for static in STATIC_METRICS
        if not any(quantity.largest for quantity in static.quantities)
    }
    if name not in summed:
        raise SpecError(
            f"the cost of each choice needs a metric that is a sum over operations "
            f"({', '.join(summed)}), got {name!r}; ask the cost model for its exact total"
        )
    return summed[name]
