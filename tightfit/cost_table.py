"""What each choice adds to a cost: the input of an integer program that allocates a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tightfit.candidate import Candidate
from tightfit.space import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class CostTable:
    """A metric around a base candidate, as a sum over hparams and over pairs of them.

    A metric is a sum of parts, one for each operation, and each part depends on a few hparams: the
    ratios of a layer's inputs and outputs multiply, and so do its bits and its rank. Two hparams
    are a pair where some part depends on both. So, for a candidate and the hparams in which it
    differs from the base:

    * :meth:`additive` is its exact cost where no two of them are a pair;
    * :meth:`pairwise` is its exact cost where no three of them are pairs of each other;
    * for any other candidate both are approximations, and the cost model has the exact total.

    ``energy_mj`` and ``power_mw`` also need that all the weights fit in the chip's memory both in
    the base and in the candidate, or in neither.

    Attributes:
        metric: Its name.
        base: The candidate that is changed.
        total: The cost of the base, in the metric's unit.
        cost: By hparam and choice, what that choice alone adds to `total`: 0 for the base's own,
            NaN where an hparam has fewer choices, ``[hparams, choices]``.
        pairs: By two positions of hparams, ``i < j``, what both choices together add beyond what
            each adds alone: 0 where one is the base's own, ``[choices of i, choices of j]``.
    """

    metric: str
    base: Candidate
    total: float
    cost: FloatArray
    pairs: Mapping[tuple[int, int], FloatArray]

    def additive(self, batch: IntArray) -> FloatArray:
        """Return the base's cost and what each choice of a batch ``[n, hparams]`` adds, ``[n]``."""
        added: FloatArray = self.cost[np.arange(len(self.cost)), batch].sum(axis=1)
        return self.total + added

    def pairwise(self, batch: IntArray) -> FloatArray:
        """Return the same with what each pair of choices adds, ``[n]``."""
        total = self.additive(batch)
        for (first, second), added in self.pairs.items():
            total += added[batch[:, first], batch[:, second]]
        return total

    def is_additive(self, batch: IntArray) -> BoolArray:
        """Return for which of a batch :meth:`additive` is exact whatever the weights, ``[n]``."""
        changed = np.not_equal(batch, self.base.indices)
        exact = np.ones(len(batch), dtype=np.bool_)
        for first, second in self.pairs:
            exact &= ~(changed[:, first] & changed[:, second])
        return exact
