"""What choices are believed to damage before anything was read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import FloatArray, IntArray
from tightfit.search.region import Region, that_change


def believed_damage(
    region: Region, metrics: Sequence[str], damage: Sequence[FloatArray] | None
) -> list[FloatArray]:
    """Return by hparam what its choices damage, ``[choices]``.

    Where nothing is known, that grows with every choice of the hparams that cost anything: choices
    stand in the order of their strength. The others damage nothing.

    Args:
        region: The candidates that keep the static limits.
        metrics: Static metrics that count beside those with limits.
        damage: What is known, empty for an hparam of which nothing is; ``None`` for none at all.
    """
    counts = region.space.choice_counts
    if damage is not None:
        return [
            np.asarray(each, dtype=np.float64) if len(each) else np.zeros(count)
            for each, count in zip(damage, counts, strict=True)
        ]
    costly = _costly(region, metrics)
    return [
        (np.arange(count) / max(count - 1, 1)) ** 2 if column in costly else np.zeros(count)
        for column, count in enumerate(counts)
    ]


def _costly(region: Region, metrics: Sequence[str]) -> set[int]:
    """Return the columns of the hparams that change a limited metric or one of some others."""
    limited = {each.metric for each in region.screen.constraints}
    others = [each for each in metrics if each not in limited]
    columns = set(region.costly.tolist())
    if not others:
        return columns

    def values(batch: IntArray) -> FloatArray:
        costs = region.screen.costs(batch)
        return np.column_stack([np.asarray(costs[each], dtype=np.float64) for each in others])

    changing = that_change(region.space, values, np.random.default_rng(0))
    return columns.union(np.flatnonzero(changing).tolist())
