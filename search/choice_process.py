"""What is not known before training, learned: a Gaussian process over choices.

A metric of a candidate is taken as the sum of

- a constant, and multiples of numbers known beforehand: what its choices are believed to damage in
  all, and its static costs. How far a belief is trusted is the variance of its multiple, and that
  is learned with all others: a belief that misleads loses its weight;
- a smooth function of the believed damage, since qualities saturate;
- a term for every choice, and for every pair of choices of two hparams;
- noise.

All variances are found by the evidence (Rasmussen and Williams, "Gaussian processes for machine
learning", 2006, section 5.4) under log-normal priors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from tightfit import FloatArray, IntArray
from tightfit.search.choice_kernel import ChoiceKernel

_JITTER = 1e-6
_STEPS = 40
_BELIEVED, _UNKNOWN = 0.1, 0.5
_NOISE, _MUCH_NOISE = 2e-2, 0.2
_FEWER_PAIRS = 0.1
"""Of what is expected: where noise explains what pairs of choices would have to otherwise."""

_EQUAL, _OF_EQUAL = 1e-6, 0.1
"""As shares of their mean: the spread under which values are equal, and what is then taken for it.
Equal readings, such as accuracies at chance, do not say that all others are equal too."""


@dataclass(frozen=True, slots=True, eq=False)
class Variances:
    """Of the terms of a process, in units of the variance of its values.

    Attributes:
        choices: By varied hparam, of the terms of its choices, ``[varied hparams]``.
        pairs: Of the terms of two choices, as a factor on the product of theirs.
        features: Of the multiples of what is known beforehand, ``[features]``.
        curve: Of the function of the first feature.
        noise: Of a reading.
    """

    choices: FloatArray
    pairs: float
    features: FloatArray
    curve: float
    noise: float

    def logs(self) -> FloatArray:
        """Return the logarithms of all, ``[hparams + features + 3]``."""
        scalars = [self.pairs, self.curve, self.noise]
        logs: FloatArray = np.log(np.concatenate([self.choices, self.features, scalars]))
        return logs

    @classmethod
    def from_logs(cls, logs: FloatArray, hparams: int) -> Variances:
        """Return what :meth:`logs` was taken of."""
        found = np.exp(logs)
        pairs, curve, noise = found[-3:].tolist()
        return cls(found[:hparams], pairs, found[hparams:-3], curve, noise)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Candidates as a process sees them.

    Attributes:
        codes: Of :meth:`ChoiceKernel.codes`, ``[n, varied hparams]``.
        features: What is known of them beforehand, of about unit variance, ``[n, features]``.
    """

    codes: IntArray
    features: FloatArray

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: IntArray) -> Points:
        """Return some of them."""
        return Points(self.codes[rows], self.features[rows])


def typical(kernel: ChoiceKernel, features: int) -> Variances:
    """Return the variances that are expected before anything is read.

    An hparam of which nothing is believed may matter more: its effect stands in no feature.
    """
    hparams = len(kernel.columns)
    expected = np.where(kernel.believed, _BELIEVED, _UNKNOWN) / hparams
    return Variances(
        choices=expected,
        pairs=1.0,
        features=np.full(features, 0.3),
        curve=0.1,
        noise=_NOISE,
    )


class ChoiceProcess:
    """A process conditioned on readings.

    Variances are in units of the spread of these readings, whatever they were found of: where
    readings draw together near the front, so do the terms and the noise. (Units that stay those of
    the fit come later to a front, see ``benchmarks/README.md``.)

    Args:
        kernel: Of the space.
        variances: Of the terms.
        points: The candidates that were read, ``[n]``.
        values: Their readings, ``[n]``.
        doubt: Standard deviation of each value beside the noise of all, ``[n]``; none for 0.
    """

    def __init__(
        self,
        kernel: ChoiceKernel,
        variances: Variances,
        points: Points,
        values: FloatArray,
        *,
        doubt: FloatArray | None = None,
    ) -> None:
        self._kernel = kernel
        self._variances = variances
        self._mean = float(values.mean())
        self._scale = _spread(values)
        self._covariances = Covariances(kernel, variances, points)
        covariance = self._covariances(points)
        covariance[np.diag_indices(len(points))] += variances.noise + _JITTER
        if doubt is not None:
            covariance[np.diag_indices(len(points))] += (doubt / self._scale) ** 2
        root = np.linalg.cholesky(covariance)
        self._weights = cho_solve((root, True), (values - self._mean) / self._scale)
        # A product with the inverse takes half the time of solving anew for every batch.
        self._whiten = solve_triangular(root, np.eye(len(points)), lower=True).T

    def predict(self, points: Points) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the noiseless metric, both ``[n]``."""
        across = self._covariances(points)
        known = across @ self._whiten
        variance = _own(self._kernel, self._variances, points)
        variance -= np.einsum("ij,ij->i", known, known)
        deviation = np.sqrt(np.maximum(variance, 1e-10))
        return self._mean + self._scale * (across @ self._weights), self._scale * deviation

    def draw(self, points: Points, rng: np.random.Generator) -> FloatArray:
        """Draw the noiseless metric of all points together, ``[n]`` (Thompson, 1933)."""
        across = self._covariances(points)
        known = across @ self._whiten
        joint = Covariances(self._kernel, self._variances, points)(points) - known @ known.T
        values, vectors = np.linalg.eigh(joint)
        drawn = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(points)))
        result: FloatArray = self._mean + self._scale * (across @ self._weights + drawn)
        return result


def fitted(
    kernel: ChoiceKernel, expected: Variances, points: Points, values: FloatArray
) -> Variances:
    """Return the variances of the greatest evidence under log-normal priors around ``expected``.

    What noise explains, pairs of choices explain as well, candidate by candidate: there are two
    optima, of which climbing from what is expected finds the one without noise, whatever its
    evidence. So it is begun from much noise too.
    """
    centre, hparams = expected.logs(), len(expected.choices)
    widths = np.concatenate(
        [np.full(hparams, 1.0), np.full(len(expected.features), 1.5), [1.5, 1.5, 1.5]]
    )
    scaled = (values - values.mean()) / _spread(values)

    def loss(logs: FloatArray) -> tuple[float, FloatArray]:
        variances = Variances.from_logs(logs, hparams)
        value, gradient = _evidence(kernel, variances, points, scaled)
        away = (logs - centre) / widths
        return 0.5 * float(away @ away) - value, away / widths - gradient

    bounds = [(low - 7.0, low + 5.0) for low in centre]
    bounds[-1] = bounds[-1][0], 0.0  # all that varies may be noise, and no more than that
    noisy = replace(expected, noise=_MUCH_NOISE, pairs=_FEWER_PAIRS * expected.pairs).logs()
    found = [
        minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}
        )
        for start in (centre, noisy)
    ]
    return Variances.from_logs(min(found, key=lambda each: float(each.fun)).x, hparams)


def _spread(values: FloatArray) -> float:
    """Return the standard deviation of values, or what is taken for it where all are equal."""
    mean, spread = abs(float(values.mean())), float(values.std())
    return spread if spread > _EQUAL * mean else _OF_EQUAL * mean or 1.0


def _evidence(
    kernel: ChoiceKernel, variances: Variances, points: Points, scaled: FloatArray
) -> tuple[float, FloatArray]:
    """Return the logarithm of the evidence and its gradient by the logarithms of the variances."""
    n = len(points)
    single, squares = Covariances(kernel, variances, points).sums(points)
    pairs = 0.5 * (single**2 - squares)
    curve = _curve(points, points)
    covariance = 1.0 + single + variances.pairs * pairs + variances.curve * curve
    covariance[np.diag_indices(n)] += variances.noise + _JITTER
    root = np.linalg.cholesky(covariance)
    weights = cho_solve((root, True), scaled)
    value = -0.5 * scaled @ weights - np.log(np.diag(root)).sum()
    half = 0.5 * (np.outer(weights, weights) - cho_solve((root, True), np.eye(n)))
    slope = half * (1.0 + variances.pairs * single)
    choices = variances.choices * kernel.gathered(
        points.codes, slope, squared=False
    ) - variances.pairs * variances.choices**2 * kernel.gathered(points.codes, half, squared=True)
    known, squared = points.features, points.features**2
    features = variances.features * ((slope @ known) * known).sum(axis=0)
    features -= variances.pairs * variances.features**2 * ((half @ squared) * squared).sum(axis=0)
    scalars = [
        variances.pairs * float((half * pairs).sum()),
        variances.curve * float((half * curve).sum()),
        variances.noise * float(np.trace(half)),
    ]
    return float(value), np.concatenate([choices, features, scalars])


class Covariances:
    """Covariances of any candidates with some that are given once.

    Args:
        kernel: Of the space.
        variances: Of the terms.
        points: Those that are given, ``[m]``.
    """

    def __init__(self, kernel: ChoiceKernel, variances: Variances, points: Points) -> None:
        self._kernel = kernel
        self._variances = variances
        self._points = points
        shared = kernel.shared(points.codes, variances.choices)
        self._once = np.concatenate([shared, points.features.T])
        self._twice = self._once**2

    def __call__(self, points: Points) -> FloatArray:
        """Return the covariances of candidates with those, ``[n, m]``."""
        single, squares = self.sums(points)
        total = single**2
        total -= squares
        total *= 0.5 * self._variances.pairs
        total += single
        total += self._variances.curve * _curve(points, self._points)
        total += 1.0
        return total

    def sums(self, points: Points) -> tuple[FloatArray, FloatArray]:
        """Return the sums over single terms of covariances and of their squares, ``[n, m]``.

        The product of two terms is the covariance of a pair, so half of what the square of the sum
        has beyond the sum of squares is that of all pairs.
        """
        chosen = self._kernel.chosen(points.codes)
        scaled = points.features * self._variances.features
        single = np.concatenate([chosen, scaled], axis=1) @ self._once
        squares = np.concatenate([chosen, scaled**2], axis=1) @ self._twice
        return single, squares


def _own(kernel: ChoiceKernel, variances: Variances, points: Points) -> FloatArray:
    single, squares = kernel.own(points.codes, variances.choices)
    linear = points.features**2 * variances.features
    single += linear.sum(axis=1)
    squares += (linear**2).sum(axis=1)
    pairs = 0.5 * variances.pairs * (single**2 - squares)
    own: FloatArray = 1.0 + single + pairs + variances.curve
    return own


def _curve(a: Points, b: Points) -> FloatArray:
    apart = a.features[:, :1] - b.features[None, :, 0]
    similar: FloatArray = np.exp(-0.5 * apart**2)
    return similar
