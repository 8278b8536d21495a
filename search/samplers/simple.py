"""Samplers that learn nothing: uniform draws, and a sequence that covers the space evenly."""

from __future__ import annotations

import warnings
from typing import ClassVar

import numpy as np
from scipy.stats import qmc

from tightfit import IntArray
from tightfit.search.history import History
from tightfit.search.region import GIVE_UP, Region, as_row
from tightfit.search.samplers.base import Proposal, Sampler


class RandomSampler(Sampler):
    """Independent draws; :mod:`tightfit.search.region` says how they are made."""

    name: ClassVar[str] = "random"

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        return self._drawn(history, rng)


class QuasiRandomSampler(Sampler):
    """The points of one scrambled Sobol sequence that keep the limits, in their order.

    Where none of ``GIVE_UP`` points in a row does, the candidate nearest to the least violating of
    them is taken. The sequence goes on where the last proposal, of whatever process, left it.
    """

    name: ClassVar[str] = "qmc"

    def __init__(self, region: Region, seed: int) -> None:
        super().__init__(region)
        self._seed = seed

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        used = sum(each.draws for each in history.entries if each.record.origin == self.name)
        batch = self._points(used, GIVE_UP)
        excess = self.region.screen.excess(batch)
        for position in np.flatnonzero(excess <= 0):
            row = as_row(batch[position])
            if row not in history.seen:
                return Proposal(row, self.name, int(position) + 1)
        row = as_row(batch[excess.argmin()])
        near = self.region.nearest(row, rng, history.seen.keys())
        return self._drawn(history, rng) if near is None else Proposal(near, self.name, GIVE_UP)

    def _points(self, start: int, n: int) -> IntArray:
        """Return the points ``start`` to ``start + n`` of the sequence, ``[n, hparams]``."""
        space = self.region.space
        sobol = qmc.Sobol(len(space), rng=np.random.default_rng(self._seed))
        if start:
            sobol.fast_forward(start)
        with warnings.catch_warnings():
            # Sobol warns that sizes which are no powers of 2 are less balanced.
            warnings.simplefilter("ignore", UserWarning)
            unit = sobol.random(n)
        return space.canonical(np.floor(unit * space.choice_counts).astype(np.int64))
