"""What the records of a search let one expect of candidates that were not evaluated.

A Bayesian linear regression (Bishop, "Pattern recognition and machine learning", 2006, section 3.3)
of a metric on which choice each hparam takes: every choice adds its own effect, effects are drawn
from one normal distribution around 0, and readings scatter around the sum. How large effects and
scatter are follows from the records themselves (the evidence, section 3.5). Interactions are
scatter to it. What it says is a prediction and is never called anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from tightfit import FloatArray, IntArray, SearchSpace
from tightfit.search.negligible import negligible

FEWEST = 5
"""Records below which nothing is predicted."""

_LEAST = 1e-9
"""Spread of readings that are all equal, at least, and as a share of their mean."""

_VARIANCES = np.geomspace(1e-4, 4.0, 40)
"""Of effects and of scatter, as shares of the readings' variance, tried for the evidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """A model of one metric.

    Attributes:
        space: Of the candidates.
        centre: Mean of the readings.
        noise: Standard deviation of a reading around the model, in the metric's unit.
        effects: Standard deviation of a choice's effect before any record, in the metric's unit.
    """

    space: SearchSpace
    centre: float
    noise: float
    effects: float
    _known: FloatArray
    _factor: FloatArray
    _weights: FloatArray

    @classmethod
    def of(
        cls, space: SearchSpace, batch: IntArray, values: FloatArray, *, scatter: float = 0.0
    ) -> Outlook | None:
        """Learn from records.

        Args:
            space: Of the candidates.
            batch: Of the evaluated candidates, ``[n, hparams]``.
            values: Their readings, ``[n]``.
            scatter: A reading's own standard error; `noise` is no less.

        Returns:
            ``None`` from fewer than ``FEWEST`` records.
        """
        if len(values) < FEWEST:
            return None
        known = _chosen(space, batch)
        centre = float(values.mean())
        least = max(float(negligible(values, _LEAST)), _LEAST * abs(centre))
        spread = max(float(values.std()), least)
        share, rest = _most_evident(known @ known.T / len(space), (values - centre) / spread)
        effects = spread * np.sqrt(share / len(space))
        noise = max(float(spread * np.sqrt(rest)), scatter)
        covariance = effects**2 * (known @ known.T) + noise**2 * np.eye(len(values))
        factor = linalg.cholesky(covariance, lower=True)
        weights = linalg.cho_solve((factor, True), values - centre)
        return cls(space, centre, noise, float(effects), known, factor, weights)

    def mean(self, batch: IntArray) -> FloatArray:
        """Return what is expected of candidates ``[n, hparams]``, ``[n]``."""
        across = self.effects**2 * (_chosen(self.space, batch) @ self._known.T)
        expected: FloatArray = self.centre + across @ self._weights
        return expected

    def variance(self, batch: IntArray) -> FloatArray:
        """Return the diagonal of :meth:`covariance`, ``[n]``, without the rest of it."""
        chosen = _chosen(self.space, batch)
        across = self.effects**2 * (chosen @ self._known.T)
        reduced = linalg.solve_triangular(self._factor, across.T, lower=True)
        own = self.effects**2 * len(self.space)
        left: FloatArray = np.maximum(own - (reduced**2).sum(axis=0), 0.0)
        return left

    def covariance(self, batch: IntArray) -> FloatArray:
        """Return how what is expected may be off, without a reading's scatter, ``[n, n]``."""
        chosen = _chosen(self.space, batch)
        across = self.effects**2 * (chosen @ self._known.T)
        reduced = linalg.solve_triangular(self._factor, across.T, lower=True)
        left: FloatArray = self.effects**2 * (chosen @ chosen.T) - reduced.T @ reduced
        return left

    def draws(self, batch: IntArray, count: int, rng: np.random.Generator) -> FloatArray:
        """Draw joint readings of candidates ``[n, hparams]`` that agree with the records.

        Returns:
            ``[count, n]``: a draw has one set of effects for all candidates, and own scatter.
        """
        covariance = self.covariance(batch)
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        effects = rng.standard_normal((count, len(batch))) @ root.T
        scatter = self.noise * rng.standard_normal((count, len(batch)))
        drawn: FloatArray = self.mean(batch) + effects + scatter
        return drawn


def _chosen(space: SearchSpace, batch: IntArray) -> FloatArray:
    """Return which choice each hparam takes as zeros and ones, ``[n, choices of all hparams]``."""
    counts = space.choice_counts
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    flags = np.zeros((len(batch), int(counts.sum())))
    flags[np.arange(len(batch))[:, None], starts + batch] = 1.0
    return flags


def _most_evident(alike: FloatArray, values: FloatArray) -> tuple[float, float]:
    """Return the variances of effects and of scatter under which readings are most likely.

    Args:
        alike: Share of the choices that two candidates have in common, ``[n, n]``.
        values: Standardized readings, ``[n]``.
    """
    scales, vectors = np.linalg.eigh(alike)
    squares = (vectors.T @ values) ** 2
    effects, scatter = (each[..., None] for each in np.meshgrid(_VARIANCES, _VARIANCES))
    variances = effects * np.maximum(scales, 0.0) + scatter
    evidence = -0.5 * (squares / variances + np.log(variances)).sum(axis=-1)
    best = np.unravel_index(int(evidence.argmax()), evidence.shape)
    return float(effects[best][0]), float(scatter[best][0])
