"""How alike choices are: the covariance of what two candidates' choices do, alone and in pairs.

What a candidate's choices do is taken as a sum over its hparams and over pairs of them, each term
a function of few choices (Duvenaud, Nickisch and Rasmussen, "Additive Gaussian processes", 2011).
The terms of one hparam sum to nothing over its choices, so that none can stand for another (Lu,
Boukouvalas and Hensman, "Additive Gaussian processes revisited", 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import FloatArray, IntArray, SearchSpace

_SMOOTH, _ROUGH, _EDGY = 0.5, 1.0, 0.1
"""Length scales of the two parts of a covariance, as shares of the way from the first choice to the
last, and the weight of the second: effects are smooth over choices, with an edge here and there."""


class ChoiceKernel:
    """Covariances between candidates for weights of the hparams that are given later.

    Attributes:
        columns: Of the hparams that vary.
        believed: Of which of them anything is believed, ``[varied hparams]``.

    Args:
        space: Of the candidates.
        damage: By hparam what its choices are believed to damage, ``[choices]``: choices that
            are believed to damage as much are more alike.
    """

    def __init__(self, space: SearchSpace, damage: Sequence[FloatArray]) -> None:
        counts = space.choice_counts
        self.columns: list[int] = np.flatnonzero(counts > 1).tolist()
        self.believed = np.array([float(np.ptp(damage[c])) > 0 for c in self.columns])
        self._starts = np.concatenate([[0], counts[self.columns].cumsum()]).astype(np.int64)
        self._tables = [_centred(_positions(int(counts[c]), damage[c])) for c in self.columns]
        self._own = np.concatenate([np.diag(table) for table in self._tables])

    def codes(self, batch: IntArray) -> IntArray:
        """Return the positions of a batch's choices among all choices, ``[n, varied hparams]``."""
        return batch[:, self.columns] + self._starts[:-1]

    def chosen(self, codes: IntArray) -> FloatArray:
        """Return which choices candidates have: 1 for those, else 0, ``[n, choices]``."""
        found = np.zeros((len(codes), int(self._starts[-1])))
        found[np.arange(len(codes))[:, None], codes] = 1.0
        return found

    def shared(self, codes: IntArray, weights: FloatArray) -> FloatArray:
        """Return what every choice has in common with each candidate's own, ``[choices, n]``.

        The product of :meth:`chosen` with it has the sums of single covariances, and with its
        square the sums of squared ones.
        """
        local = codes - self._starts[:-1]
        parts = zip(self._tables, weights, local.T, strict=True)
        return np.concatenate([weight * table[:, own] for table, weight, own in parts])

    def own(self, codes: IntArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the sums, single and squared, of each candidate with itself, both ``[n]``."""
        each = self._own[codes] * weights
        return each.sum(axis=1), (each**2).sum(axis=1)

    def gathered(self, codes: IntArray, matrix: FloatArray, *, squared: bool) -> FloatArray:
        """Return for each hparam the sum of its covariances times ``matrix`` ``[n, n]``."""
        onehot = self.chosen(codes)
        spread = matrix @ onehot
        sums = np.empty(len(self._tables))
        for position, table in enumerate(self._tables):
            part = slice(self._starts[position], self._starts[position + 1])
            met = onehot[:, part].T @ spread[:, part]
            sums[position] = (met * (table**2 if squared else table)).sum()
        return sums


def _positions(count: int, damage: FloatArray) -> FloatArray:
    """Return where choices stand between the first, at 0, and the last, at 1, ``[count]``."""
    order = np.arange(count) / (count - 1)
    extent = float(np.ptp(damage))
    if extent <= 0:
        return order
    # Choices of equal damage must not fall together: the belief may be wrong.
    positions: FloatArray = (order + (damage - damage.min()) / extent) / 2
    return positions


def _centred(positions: FloatArray) -> FloatArray:
    """Return the covariance of choices at ``positions``, of mean 0 and mean variance 1."""
    apart = np.abs(positions[:, None] - positions[None])
    raw = np.exp(-0.5 * (apart / _SMOOTH) ** 2) + _EDGY * np.exp(-apart / _ROUGH)
    centred = raw - raw.mean(axis=0) - raw.mean(axis=1)[:, None] + raw.mean()
    table: FloatArray = centred / np.trace(centred) * len(positions)
    return table
