"""The least damage within limits on costs, as an integer program that HiGHS solves.

A choice is a variable of 0 or 1, one of each hparam is taken, and damages and costs are sums. Where
the costs of two hparams multiply, their joint choices have variables of their own, which sum to the
choices they are made of; these are whole where the choices are, and need no search. Allocations of
this kind: Dong et al., "HAWQ-V2" (2020), Yao et al., "HAWQ-V3" (2021, section 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint

from tightfit import CostTable, FloatArray, IntArray
from tightfit.search.solver import solve

_GAP = 1e-2
_NODES = 50
"""Of the search tree, after which the best solution so far is taken: by nodes and not by seconds,
so that the same program has the same solution on every machine."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearLimit:
    """A cost that may be at most so much.

    Attributes:
        table: What choices add to it.
        most: In the metric's unit.
    """

    table: CostTable
    most: float


def least_damage(damage: Sequence[FloatArray], limits: Sequence[LinearLimit]) -> IntArray | None:
    """Return the candidate of least summed damage that keeps the limits, ``[hparams]``.

    ``None`` where the tables allow none, or none was found in as many steps as it is worth.

    Args:
        damage: By hparam what each of its choices damages, ``[choices]``.
        limits: As they are in the tables; conditions of hparams are left aside.
    """
    counts = [len(each) for each in damage]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    pairs = sorted({pair for limit in limits for pair in limit.table.pairs})
    shapes = [(counts[first], counts[second]) for first, second in pairs]
    joint = np.concatenate([[0], np.cumsum([a * b for a, b in shapes])]).astype(np.int64)
    singles, total = int(starts[-1]), int(starts[-1] + joint[-1])
    offsets = joint + singles

    rows = [sparse.csr_array(_one_each(counts, total))]
    low, high = [np.ones(len(counts))], [np.ones(len(counts))]
    for place, (first, second) in enumerate(pairs):
        sums = _marginals(starts[first], starts[second], shapes[place], offsets[place], total)
        rows.append(sums)
        low.append(np.zeros(sums.shape[0]))
        high.append(np.zeros(sums.shape[0]))
    for limit in limits:
        rows.append(sparse.csr_array(_weights(limit.table, counts, pairs, total)[None]))
        low.append(np.array([-np.inf]))
        high.append(np.array([limit.most - limit.table.total]))
    solved = solve(
        np.concatenate([*damage, np.zeros(total - singles)]),
        constraints=LinearConstraint(
            sparse.vstack(rows), np.concatenate(low), np.concatenate(high)
        ),
        whole=(np.arange(total) < singles).astype(int),
        bounds=Bounds(0, 1),
        gap=_GAP,
        nodes=_NODES,
    )
    if solved.x is None:
        return None
    chosen = [int(solved.x[a:b].argmax()) for a, b in pairwise(starts.tolist())]
    return np.array(chosen, dtype=np.int64)


def _one_each(counts: list[int], total: int) -> FloatArray:
    rows = np.zeros((len(counts), total))
    rows[np.repeat(np.arange(len(counts)), counts), np.arange(sum(counts))] = 1.0
    return rows


def _marginals(
    first: int, second: int, shape: tuple[int, int], offset: int, total: int
) -> sparse.csr_array:
    """Return rows that are 0 where joint choices sum to the choices they are made of."""
    a, b = shape
    position = offset + np.arange(a * b)
    upper, lower = np.divmod(np.arange(a * b), b)
    rows = np.concatenate([upper, a + lower, np.arange(a + b)])
    columns = np.concatenate([position, position, first + np.arange(a), second + np.arange(b)])
    values = np.concatenate([np.ones(2 * a * b), -np.ones(a + b)])
    return sparse.csr_array((values, (rows, columns)), shape=(a + b, total))


def _weights(
    table: CostTable, counts: list[int], pairs: list[tuple[int, int]], total: int
) -> FloatArray:
    alone = [table.cost[column, :count] for column, count in enumerate(counts)]
    together = [
        table.pairs[pair].ravel()
        if pair in table.pairs
        else np.zeros(counts[pair[0]] * counts[pair[1]])
        for pair in pairs
    ]
    weights: FloatArray = np.concatenate([*alone, *together])
    assert len(weights) == total
    return weights
