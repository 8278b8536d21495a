"""Candidates near others: what a few changed choices make of them, and where such steps lead."""

from __future__ import annotations

from collections.abc import Callable, Set

import numpy as np

from tightfit import FloatArray, IntArray
from tightfit.search.cost_tables import changed
from tightfit.search.region import Region, Row

_CLIMBERS, _ROUNDS, _SINGLES, _DOUBLES = 4, 4, 384, 96


class LocalSearch:
    """Moves through the candidates that keep the static limits.

    Args:
        region: Those candidates.
    """

    def __init__(self, region: Region) -> None:
        self._region = region
        self._varied = np.flatnonzero(region.space.choice_counts > 1)

    def changes(self, parents: IntArray, n: int, rng: np.random.Generator) -> IntArray:
        """Return ``n`` candidates with one to four choices of a parent drawn anew.

        They need not keep the limits.

        Args:
            parents: ``[m, hparams]``.
            n: How many, ``[n, hparams]``.
            rng: Draws.
        """
        space = self._region.space
        rows = parents[rng.integers(len(parents), size=n)].copy()
        where = np.arange(n)
        for share in (1.0, 0.6, 0.5, 0.5):
            where = where[rng.random(len(where)) < share]
            columns = rng.choice(self._varied, size=len(where))
            rows[where, columns] = rng.integers(0, space.choice_counts[columns])
        return space.canonical(rows)

    def allowed(self, batch: IntArray, seen: Set[Row]) -> IntArray:
        """Return the different candidates of a batch that keep the limits and were not seen.

        Args:
            batch: ``[n, hparams]``.
            seen: Candidates that are not to come again.
        """
        kept = batch[self._region.screen.keeps(batch)]
        rows = [row for row in dict.fromkeys(map(tuple, kept.tolist())) if row not in seen]
        return np.array(rows, dtype=np.int64).reshape(-1, batch.shape[1])

    def climb(
        self,
        worth: Callable[[IntArray], FloatArray],
        pool: IntArray,
        seen: Set[Row],
        rng: np.random.Generator,
    ) -> IntArray:
        """Return what changes of few choices reach from the best of a pool, ``[hparams]``.

        Args:
            worth: Of each of a batch, ``[n]``; more is better.
            pool: Allowed candidates, at least one, ``[n, hparams]``.
            seen: Candidates that are not to come again.
            rng: Draws.
        """
        value = worth(pool)
        space = self._region.space
        for _ in range(_ROUNDS):
            top = np.argsort(-value, kind="stable")[:_CLIMBERS]
            pool, value = pool[top], value[top]
            steps = np.concatenate([changed(space, row) for row in pool])
            steps = space.canonical(rng.permutation(steps)[:_SINGLES])
            near = self.allowed(np.concatenate([steps, self.changes(pool, _DOUBLES, rng)]), seen)
            if not len(near):
                break
            gained = worth(near)
            improved = gained.max() > value.max()
            pool, value = np.concatenate([pool, near]), np.concatenate([value, gained])
            if not improved:
                break
        best: IntArray = pool[int(np.argmax(value))]
        return best
