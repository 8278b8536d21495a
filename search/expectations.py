"""What is expected of candidates that nobody has evaluated: known costs, and what was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tightfit import FloatArray, IntArray
from tightfit.search.choice_kernel import ChoiceKernel
from tightfit.search.choice_process import ChoiceProcess, Points, Variances, fitted, typical
from tightfit.search.expected_improvement import log_probability_below
from tightfit.search.observations import Observations
from tightfit.search.region import Region

FEWEST = 2
"""Readings of a metric from which on it is learned: with a belief behind them two tell much."""

_CALIBRATED = 4
"""Readings from which on it is known by how much predictions are off."""

_MOST = 192
_FITTED = 160
_GROWTH = 1.3
_SAMPLE = 1_024
_SUCCESS = ""
"""Stands for whether candidates fail, beside the names of metrics."""


class Learner:
    """Learns metrics from observations.

    The variances of a metric's process are found anew whenever its readings have become a third
    more, from the readings there were then: an interrupted search finds the same.

    Args:
        region: Its space, static limits and costs.
        damage: By hparam what its choices are believed to damage, ``[choices]``.
    """

    def __init__(self, region: Region, damage: Sequence[FloatArray]) -> None:
        self._region = region
        self._kernel = ChoiceKernel(region.space, damage)
        self._damage = damage
        rng = np.random.default_rng(0)
        sample = region.draws(_SAMPLE, rng)
        if len(sample) < _SAMPLE // 8:
            sample = np.concatenate([sample, region.tilted(_SAMPLE, rng)])
        raw = self._known(sample)
        self._centre, spread = raw.mean(axis=0), raw.std(axis=0)
        self._spread = np.where(spread > 1e-9 * np.abs(self._centre), spread, np.inf)
        self._variances: dict[str, tuple[bytes, Variances]] = {}

    def expected(
        self, metrics: Sequence[str], observations: Observations, short: FloatArray
    ) -> Expectations:
        """Learn from observations what is expected of others.

        Candidates on their way are believed to become what is expected of them.

        Args:
            metrics: Those that are learned, each with ``FEWEST`` readings at least.
            observations: Everything that was read.
            short: By how much each falls short of the front, ``[n]``: where there are more than a
                process can hold, the nearest are taken and every so-many-th other.
        """
        processes = {}
        for metric in metrics:
            read = observations.read(metric)
            chosen = _most_telling(read, short[read])
            points = self.points(observations.rows[chosen])
            values = observations.values[metric][chosen]
            variances = self._variances_of(metric, observations)
            doubt = observations.doubt(metric)[chosen]
            process = ChoiceProcess(self._kernel, variances, points, values, doubt=doubt)
            if len(observations.pending):
                expected, _ = process.predict(self.points(observations.pending))
                points = self.points(
                    np.concatenate([observations.rows[chosen], observations.pending])
                )
                values = np.concatenate([values, expected])
                doubt = np.concatenate([doubt, np.zeros(len(expected))])
                process = ChoiceProcess(self._kernel, variances, points, values, doubt=doubt)
            processes[metric] = process
        return Expectations(self._region, self, processes, self._calibration(observations))

    def log_success(self, observations: Observations) -> Callable[[IntArray], FloatArray] | None:
        """Return the logarithm of how likely candidates of a batch do not fail, ``[n]``.

        Learned as a metric is, of 1 for each candidate that came to something and 0 for each that
        failed. ``None`` where none did: then nothing says that others will.
        """
        if observations.failed is None or not observations.failed.any():
            return None
        values = np.where(observations.failed, 0.0, 1.0)
        variances = self._variances_of_first(_SUCCESS, observations.rows, values)
        count = len(values)
        chosen = np.linspace(0, count - 1, min(count, _MOST)).astype(np.int64)
        points = self.points(observations.rows[chosen])
        process = ChoiceProcess(self._kernel, variances, points, values[chosen])

        def chance(batch: IntArray) -> FloatArray:
            mean, deviation = process.predict(self.points(batch))
            return log_probability_below(-0.5, -mean, deviation)

        return chance

    def _variances_of(self, metric: str, observations: Observations) -> Variances:
        read = observations.read(metric)
        read = read[observations.doubt(metric)[read] == 0]
        return self._variances_of_first(
            metric, observations.rows[read], observations.values[metric][read]
        )

    def _variances_of_first(self, metric: str, rows: IntArray, values: FloatArray) -> Variances:
        """Return what the first readings say, of candidates ``[n, hparams]`` and values ``[n]``."""
        last = checkpoint(len(values))
        rows, values = rows[:last][-_FITTED:], values[:last][-_FITTED:]
        # Of what they were found, and not of how much: a late reading may change what came first.
        found_of = rows.tobytes() + values.tobytes()
        known = self._variances.get(metric)
        if known is None or known[0] != found_of:
            expected = typical(self._kernel, len(self._centre))
            known = found_of, fitted(self._kernel, expected, self.points(rows), values)
            self._variances[metric] = known
        return known[1]

    def _calibration(self, observations: Observations) -> dict[str, tuple[float, float]]:
        """Return by how much predictions of static metrics are off, and how surely."""
        found = {}
        for metric, error in self._region.screen.errors.items():
            if not error:
                continue
            read = observations.read(metric) if metric in observations.values else np.zeros(0, int)
            if len(read) < _CALIBRATED:
                found[metric] = 1.0, error / 2
                continue
            read = read[-_MOST:]
            predicted = np.asarray(self._region.screen.costs(observations.rows[read])[metric])
            ratios = observations.values[metric][read] / predicted
            found[metric] = float(ratios.mean()), float(ratios.std())
        return found

    def points(self, batch: IntArray) -> Points:
        """Return a batch ``[n, hparams]`` as processes see it."""
        features = (self._known(batch) - self._centre) / self._spread
        return Points(self._kernel.codes(batch), features)

    def believed(self, batch: IntArray) -> FloatArray:
        """Return what the choices of a batch are believed to damage in all, ``[n]``."""
        total = np.zeros(len(batch))
        for column, each in enumerate(self._damage):
            total += each[batch[:, column]]
        return total

    def _known(self, batch: IntArray) -> FloatArray:
        costs = self._region.screen.costs(batch)
        columns = [np.log(np.maximum(np.asarray(costs[name]), 1e-12)) for name in sorted(costs)]
        return np.column_stack([self.believed(batch), *columns])


def _most_telling(read: IntArray, short: FloatArray) -> IntArray:
    """Return at most ``_MOST`` of the positions ``read``, in their order."""
    if len(read) <= _MOST:
        return read
    order = np.argsort(short, kind="stable")
    near, far = order[: 2 * _MOST // 3], np.sort(order[2 * _MOST // 3 :])
    spread = far[np.linspace(0, len(far) - 1, _MOST - len(near)).astype(np.int64)]
    chosen: IntArray = read[np.sort(np.concatenate([near, spread]))]
    return chosen


def checkpoint(read: int) -> int:
    """Return the number of readings, at most ``read``, at which variances were found last."""
    reached = following = FEWEST
    while following <= read:
        reached = following
        following = max(following + 1, int(following * _GROWTH))
    return reached


class Expectations:
    """Means and deviations of metrics, of any candidates.

    Args:
        region: Its static limits and costs.
        learner: Sees candidates as the processes do.
        processes: Of the metrics that are learned.
        calibration: By static metric that is a prediction, what it is to be multiplied by, and the
            relative deviation that is left.
    """

    def __init__(
        self,
        region: Region,
        learner: Learner,
        processes: Mapping[str, ChoiceProcess],
        calibration: Mapping[str, tuple[float, float]],
    ) -> None:
        self._region = region
        self._learner = learner
        self._processes = processes
        self._calibration = calibration

    def __call__(self, batch: IntArray) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Return mean and standard deviation of every metric of a batch, both ``[n]``."""
        found = {}
        for name, values in self._region.screen.costs(batch).items():
            ratio, deviation = self._calibration.get(name, (1.0, 0.0))
            value = ratio * np.asarray(values, dtype=np.float64)
            found[name] = value, deviation * np.abs(value)
        points = self._learner.points(batch)
        for name, process in self._processes.items():
            found[name] = process.predict(points)
        return found

    def smoothed(self, observations: Observations, short: FloatArray) -> Observations:
        """Return observations with what is believed of them in place of what was read.

        Of many readings with noise the best ones were lucky: measured from them, nothing else seems
        to be worth a training. Where there is no noise, readings are what is believed of them.
        Those farthest from the front are left out, where there are more than a process holds.

        Args:
            observations: Everything that was read.
            short: By how much each falls short of the front, ``[n]``.
        """
        kept = observations.take(np.sort(np.argsort(short, kind="stable")[:_MOST]))
        points = self._learner.points(kept.rows)
        believed = dict(kept.values)
        for name, process in self._processes.items():
            mean, _ = process.predict(points)
            believed[name] = np.where(np.isfinite(believed[name]), mean, np.nan)
        return replace(kept, values=believed)

    def draw(self, metric: str, batch: IntArray, rng: np.random.Generator) -> FloatArray:
        """Draw a learned metric of a batch jointly, ``[n]``."""
        return self._processes[metric].draw(self._learner.points(batch), rng)
