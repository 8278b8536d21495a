"""What each choice and each pair of choices adds to a cost, found by asking the cost model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tightfit import Candidate, CostModel, CostTable, FloatArray, IntArray, SearchSpace

_ROUNDING = 1e-9
"""Share of a cost below which two choices together are said to add what they add alone."""

_AT_ONCE = 4_096
"""Candidates that are asked about together: a batch of all pairs would not fit into a cache."""


def multiplying(
    space: SearchSpace, costs: CostModel, metrics: Iterable[str], base: IntArray
) -> dict[str, tuple[tuple[int, int], ...]]:
    """Return for each metric the pairs of hparams whose choices do not simply add up.

    Asked with the first and the last other choice of each hparam of ``base`` ``[hparams]``.
    """
    wanted = list(metrics)
    counts = space.choice_counts
    varied = [int(column) for column in np.flatnonzero(counts > 1)]
    ends = [
        (column, choice)
        for column in varied
        for choice in sorted(
            {0, int(counts[column]) - 1, 1 if base[column] == 0 else 0} - {int(base[column])}
        )
    ]
    where = np.array(ends, dtype=np.int64).reshape(-1, 2)
    alone = np.tile(base, (len(where), 1))
    alone[np.arange(len(where)), where[:, 0]] = where[:, 1]
    # Each change alone is asked about once, however many others it stands beside.
    answers = costs(np.concatenate([base[None], alone]))
    total = {metric: answers[metric][0] for metric in wanted}
    single = {metric: answers[metric][1:] for metric in wanted}
    first, second = np.triu_indices(len(where), k=1)
    apart = where[first, 0] != where[second, 0]
    first, second = first[apart], second[apart]
    found: dict[str, set[tuple[int, int]]] = {metric: set() for metric in wanted}
    for start in range(0, len(first), _AT_ONCE):
        one, other = (each[start : start + _AT_ONCE] for each in (first, second))
        both = alone[one]
        both[np.arange(len(one)), where[other, 0]] = where[other, 1]
        together = costs(both)
        for metric in wanted:
            beyond = together[metric] - single[metric][one] - single[metric][other] + total[metric]
            differs = np.abs(beyond) > _ROUNDING * np.abs(total[metric])
            columns = where[one[differs], 0], where[other[differs], 0]
            found[metric].update(zip(*(each.tolist() for each in columns), strict=True))
    return {metric: tuple(sorted(pairs)) for metric, pairs in found.items()}


def cost_tables(
    space: SearchSpace,
    costs: CostModel,
    metrics: Iterable[str],
    *,
    base: IntArray,
    pairs: Iterable[tuple[int, int]] = (),
) -> dict[str, CostTable]:
    """Return for each metric what choices add to the cost of ``base`` ``[hparams]``.

    Args:
        space: Of the candidates; conditions are left aside.
        costs: Static metrics of batches of candidates.
        metrics: Those that are asked for.
        base: The candidate that is changed.
        pairs: Of hparams whose joint choices are asked for too.
    """
    counts = [int(count) for count in space.choice_counts]
    singles = changed(space, base)
    grids = {pair: _joint(base, pair, counts) for pair in pairs}
    batch = np.concatenate([base[None], singles, *grids.values()])
    answers = costs(batch)
    return {
        metric: _table(metric, np.asarray(answers[metric]), base, counts, list(grids))
        for metric in metrics
    }


def changed(space: SearchSpace, base: IntArray, columns: IntArray | None = None) -> IntArray:
    """Return ``base`` ``[hparams]`` with every choice of every hparam in turn.

    Args:
        space: Of the candidates; what a choice makes inactive stays as it is in ``base``.
        base: The candidate that is changed, which is among the answers itself.
        columns: The hparams that take their turn; all by default.

    Returns:
        ``[choices of those hparams, hparams]``.
    """
    columns = np.arange(len(space)) if columns is None else columns
    counts = space.choice_counts[columns]
    where = np.repeat(columns, counts)
    rows = np.tile(base, (len(where), 1))
    rows[np.arange(len(where)), where] = np.concatenate([np.arange(n) for n in counts] or [where])
    return rows


def _joint(base: IntArray, pair: tuple[int, int], counts: list[int]) -> IntArray:
    first, second = np.unravel_index(
        np.arange(counts[pair[0]] * counts[pair[1]]), (counts[pair[0]], counts[pair[1]])
    )
    rows = np.tile(base, (len(first), 1))
    rows[:, pair[0]], rows[:, pair[1]] = first, second
    return rows


def _table(
    metric: str,
    answers: FloatArray,
    base: IntArray,
    counts: list[int],
    pairs: list[tuple[int, int]],
) -> CostTable:
    """Return the table of answers for the base, all single changes, and the joint ones in order."""
    total = float(answers[0])
    cost = np.full((len(counts), max(counts)), np.nan)
    position = 1
    for column, count in enumerate(counts):
        cost[column, :count] = answers[position : position + count] - total
        position += count
    beyond: dict[tuple[int, int], FloatArray] = {}
    for first, second in pairs:
        shape = counts[first], counts[second]
        joint = answers[position : position + shape[0] * shape[1]].reshape(shape)
        alone = cost[first, : shape[0], None] + cost[second, None, : shape[1]]
        beyond[first, second] = joint - total - alone
        position += shape[0] * shape[1]
    return CostTable(metric, Candidate(tuple(base.tolist())), total, cost, beyond)
