"""The candidates that keep the static limits, and how to draw from them.

Three ways, by how much of the space keeps the limits:

- A space of at most ``ENUMERABLE`` combinations is listed whole; draws are uniform over the list.
- Where at least ``WIDE`` of random candidates keep the limits, candidates are drawn uniformly over
  the choices and those that break a limit are thrown away, which leaves a uniform draw.
- In a narrower region uniform draws find nothing: the sums of many independent choices all lie near
  their mean. There a draw is *tilted*: a strength of compression is drawn first, then every choice
  that costs anything near that strength. If none of a batch keeps the limits, the ones that break
  them least are walked towards the limits by random changes of one or two choices that lessen the
  violation. These draws reach every part of the region, but they are not uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from tightfit import BoolArray, FloatArray, IntArray, SearchSpace
from tightfit.search.cost_tables import changed
from tightfit.search.screening import Screen

ENUMERABLE = 16_384
WIDE = 0.005
BATCH = 1_024
PROBES = 8_192
GIVE_UP = 2_000
"""Refused proposals in a row after which there is nothing left to find."""

Row = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Where candidates may be proposed.

    Attributes:
        space: All candidates.
        screen: The static limits.
        share: Which share of uniformly drawn candidates keeps them; counted, or estimated from
            ``PROBES`` draws.
        members: Every candidate that keeps them, ``[n, hparams]``, if the space could be listed.
        costly: Columns of the hparams that change a static limit's metric.
        free: The other columns.
    """

    space: SearchSpace
    screen: Screen
    share: float
    members: IntArray | None
    costly: IntArray
    free: IntArray

    @classmethod
    def survey(cls, space: SearchSpace, screen: Screen) -> Region:
        """Look at a space once: the same space and limits give the same region."""
        rng = np.random.default_rng(0)
        changing = that_change(space, screen.violations, rng)
        costly, free = np.flatnonzero(changing), np.flatnonzero(~changing)
        if space.size <= ENUMERABLE:
            every = _every_candidate(space)
            kept = screen.keeps(every)
            return cls(space, screen, float(kept.mean()), every[kept], costly, free)
        share = float(screen.keeps(space.random(PROBES, rng)).mean())
        return cls(space, screen, share, None, costly, free)

    def draw(self, rng: np.random.Generator, seen: AbstractSet[Row]) -> Row | None:
        """Draw one candidate that keeps the limits and was not seen; ``None`` when none is found.

        ``None`` is said after more than ``GIVE_UP`` draws in a row and walks from the best of them.
        """
        if self.members is not None:
            unseen = [row for row in map(as_row, self.members) if row not in seen]
            return unseen[rng.integers(len(unseen))] if unseen else None
        batch = np.empty((0, len(self.space)), dtype=np.int64)
        for _ in range(-(-GIVE_UP // BATCH)):
            wide = self.share >= WIDE
            batch = self.space.random(BATCH, rng) if wide else self.tilted(BATCH, rng)
            for row in map(as_row, batch[self.screen.keeps(batch)]):
                if row not in seen:
                    return row
        return self.walk(batch[np.argsort(self.screen.excess(batch))[:8]], rng, seen)

    def draws(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draw candidates that keep the limits, ``[at most n, hparams]``, in a few batches."""
        if self.members is not None:
            if not len(self.members):
                return self.members
            return self.members[rng.integers(len(self.members), size=n)]
        found: list[IntArray] = []
        for _ in range(2):
            batch = self.space.random(n, rng) if self.share >= 0.1 else self.tilted(n, rng)
            found.append(batch[self.screen.keeps(batch)])
        return np.concatenate(found)[:n]

    def tilted(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draw candidates around random strengths of compression, ``[n, hparams]``."""
        counts = self.space.choice_counts
        strength = rng.uniform(size=(n, 1))
        spread = rng.uniform(0.0, 0.4, size=(n, 1))
        position = strength + spread * rng.standard_normal((n, len(self.space)))
        batch = np.clip(np.floor(position * counts), 0, counts - 1).astype(np.int64)
        batch[:, self.free] = rng.integers(0, counts[self.free], size=(n, len(self.free)))
        return self.space.canonical(batch)

    def walk(
        self, starts: IntArray, rng: np.random.Generator, seen: AbstractSet[Row]
    ) -> Row | None:
        """Walk from ``starts`` ``[n, hparams]`` to an unseen candidate that keeps the limits.

        Every step tries random changes of one or two costly choices of each start and takes the one
        that lessens its violation most. ``None`` when no walk arrives.
        """
        current, tries = starts, 48
        if not len(self.costly) or not len(starts):
            return None
        excess = self.screen.excess(current)
        patience = 0
        while patience < 3:
            moved = self._changed(np.repeat(current, tries, axis=0), rng)
            reached = self.screen.excess(moved)
            for row in map(as_row, moved[reached <= 0]):
                if row not in seen:
                    return row
            best = reached.reshape(len(current), tries).argmin(axis=1)
            chosen = np.arange(len(current)) * tries + best
            better = reached[chosen] < excess
            current = np.where(better[:, None], moved[chosen], current)
            excess = np.where(better, reached[chosen], excess)
            patience = 0 if better.any() else patience + 1
        return None

    def nearest(self, row: Row, rng: np.random.Generator, seen: AbstractSet[Row]) -> Row | None:
        """Return the unseen candidate nearest to ``row`` that keeps the limits.

        Nearest by the sum of differences of indices, among all candidates that differ in one hparam
        and a random few thousand that differ in two; behind these, where a walk from ``row``
        arrives. ``None`` when that finds none either.
        """
        start = np.array(row, dtype=np.int64)
        for batch in (self.single_changes(start), self._double_changes(start, rng)):
            batch = batch[rng.permutation(len(batch))]
            batch = batch[np.argsort(np.abs(batch - start).sum(axis=1), kind="stable")]
            for found in map(as_row, batch[self.screen.keeps(batch)]):
                if found not in seen:
                    return found
        return self.walk(start[None], rng, seen)

    def _changed(self, batch: IntArray, rng: np.random.Generator) -> IntArray:
        """Return ``batch`` with one or two costly choices of each row drawn anew."""
        changed = batch.copy()
        rows = np.arange(len(batch))
        for chosen in (rows, rows[rng.random(len(batch)) < 0.5]):
            columns = rng.choice(self.costly, size=len(chosen))
            changed[chosen, columns] = rng.integers(0, self.space.choice_counts[columns])
        return self.space.canonical(changed)

    def single_changes(self, start: IntArray) -> IntArray:
        """Return every candidate that differs from ``start`` ``[hparams]`` in one choice."""
        batch = changed(self.space, start)
        return self.space.canonical(batch[(batch != start).any(axis=1)])

    def _double_changes(self, start: IntArray, rng: np.random.Generator) -> IntArray:
        """Return random candidates that differ from ``start`` in two choices at most."""
        batch = np.repeat(start[None], 2 * BATCH, axis=0)
        rows = np.arange(len(batch))
        for _ in range(2):
            columns = rng.integers(len(self.space), size=len(batch))
            batch[rows, columns] = rng.integers(0, self.space.choice_counts[columns])
        return self.space.canonical(batch)


def as_row(indices: IntArray) -> Row:
    """Return one row of a batch as a tuple, which can be a member of a set."""
    return tuple(indices.tolist())


def that_change(
    space: SearchSpace, values: Callable[[IntArray], FloatArray], rng: np.random.Generator
) -> BoolArray:
    """Return which hparams change any of some values ``[n, m]`` of candidates, ``[hparams]``.

    Tried on 16 random candidates, each hparam at its first and last choice.
    """
    bases, width = space.random(16, rng), len(space)
    ends = np.repeat(bases[None, None], 2 * width, axis=1).reshape(2, width, 16, width)
    columns = np.arange(width)
    ends[0, columns, :, columns] = 0
    ends[1, columns, :, columns] = (space.choice_counts - 1)[:, None]
    found = values(space.canonical(ends.reshape(-1, width)))
    low, high = found.reshape(2, width, -1)
    return np.asarray(np.abs(low - high).max(axis=1, initial=0.0) > 0)


def _every_candidate(space: SearchSpace) -> IntArray:
    """Return all of a small space, each once, ``[n, hparams]``.

    Counted up by hand: a grid of numpy's has 64 axes at most, and hparams with one choice are many.
    """
    counts = space.choice_counts
    steps = space.size // counts.cumprod()
    every = np.arange(space.size)[:, None] // steps % counts
    return np.unique(space.canonical(every), axis=0)
