"""What every sampler has in common: its proposals keep the static limits and were not seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from tightfit.search.history import History
from tightfit.search.region import Region, Row


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate to evaluate.

    Attributes:
        row: Indices of a canonical candidate that keeps the static limits.
        origin: Name of the sampler that drew it; ``random`` in another sampler's first trials.
        draws: How many proposals it took.
        refused: Those of them that the sampler was told to learn from.
    """

    row: Row
    origin: str
    draws: int = 1
    refused: tuple[Row, ...] = ()


class Sampler(ABC):
    """Proposes candidates, one at a time, from the history and a generator alone.

    What it proposes keeps the static limits and has no record yet. Where the sampler has nothing to
    propose, and in its first trials, the candidate is a random one.

    Attributes:
        name: As a study names it, and the origin of its records.
        startup: How many evaluated candidates it needs to learn from.
    """

    name: ClassVar[str]
    startup: ClassVar[int] = 0

    def __init__(self, region: Region) -> None:
        self.region = region

    def propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        """Return the next candidate, or ``None`` when there is none left to find.

        Args:
            history: Everything finished so far.
            rng: Seeded by the study's seed and the trial's number.
        """
        if history.completed < self.startup:
            return self._drawn(history, rng)
        return self._propose(history, rng)

    @abstractmethod
    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        """Return an unseen candidate that keeps the static limits, else what `_drawn` returns."""

    def _drawn(
        self,
        history: History,
        rng: np.random.Generator,
        *,
        draws: int = 1,
        refused: tuple[Row, ...] = (),
    ) -> Proposal | None:
        """Return a random one, or ``None`` when there is none left to find.

        Args:
            history: Everything finished so far.
            rng: Draws.
            draws: See :class:`Proposal`, as for `refused`.
            refused: Of the sampler's own draws, before it gave up.
        """
        row = self.region.draw(rng, history.seen.keys())
        return None if row is None else Proposal(row, "random", draws, refused)


class RedrawingSampler(Sampler):
    """Draws without knowing the limits, until a draw keeps them.

    A draw that breaks a static limit, or was seen, is refused and another one made, ``redraws`` at
    most. If all are refused, the candidate nearest to the last one that keeps the limits is taken,
    and a random one where none is found near it.

    Attributes:
        redraws: How many draws of the sampler are worth their time.
        told: How many refused draws of one proposal it is told, if it can learn from them.
    """

    redraws: ClassVar[int]
    told: ClassVar[int] = 0

    @abstractmethod
    def _draws(self, history: History, rng: np.random.Generator) -> Iterator[Row]:
        """Yield draws for as long as they are asked for."""

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        refused: list[Row] = []
        row: Row = ()
        for draws, row in enumerate(islice(self._draws(history, rng), self.redraws), start=1):
            kept = bool(self.region.screen.keeps(np.array([row], dtype=np.int64))[0])
            if kept and row not in history.seen:
                return Proposal(row, self.name, draws, tuple(refused))
            if not kept and len(refused) < self.told:
                refused.append(row)
                history.refuse(row)
        near = self.region.nearest(row, rng, history.seen.keys())
        if near is None:
            return self._drawn(history, rng, draws=self.redraws + 1, refused=tuple(refused))
        return Proposal(near, self.name, self.redraws, tuple(refused))
