"""What files will have that is predicted before they are built, as the counted ones correct it.

A limit on such a metric, e.g. the bytes of the file, is kept only probably where the prediction
lies within its error of the bound. How far files lie from the prediction is learned as any other
metric is, with a model of the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from tightfit import (
    BoolArray,
    Candidate,
    Constraint,
    FloatArray,
    IntArray,
    Record,
    SearchSpace,
    Sense,
    Stage,
)
from tightfit.objectives.metrics import STATIC_METRICS
from tightfit.search.forecast import DRAWS, LEVEL, Expected, Forecast
from tightfit.search.outlook import Outlook
from tightfit.studies.costs import StaticCosts

PREDICTED = {
    static.metric.name: static
    for static in STATIC_METRICS
    if static.relative_error or static.absolute_error
}
"""The static metrics that a later reading replaces, by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """How far files lie from the prediction of a metric.

    Attributes:
        metric: Its name.
        costs: What predicts it.
        offset: Of a file from its prediction, in the metric's unit, by the choices; ``None`` from
            too few files: half of the prediction's stated error is its deviation then.
    """

    metric: str
    costs: StaticCosts
    offset: Outlook | None

    @classmethod
    def of(
        cls, metric: str, space: SearchSpace, costs: StaticCosts, records: Sequence[Record]
    ) -> Correction:
        """Learn from the files that were counted, each once."""
        counted = {
            record.candidate: record.measurement.value(metric)
            for record in records
            if is_counted(record, metric)
        }
        if not counted:
            return cls(metric, costs, None)
        batch = space.batch(list(counted))
        values = np.array(list(counted.values()))
        return cls(metric, costs, Outlook.of(space, batch, values - costs(batch)[metric]))

    def mean(self, batch: IntArray) -> FloatArray:
        """Return what is expected of candidates ``[n, hparams]``, ``[n]``."""
        predicted: FloatArray = np.asarray(self.costs(batch)[self.metric], dtype=np.float64)
        return predicted if self.offset is None else predicted + self.offset.mean(batch)

    def deviation(self, batch: IntArray) -> FloatArray:
        """Return the standard deviation of what is expected, ``[n]``."""
        if self.offset is None:
            predicted = np.asarray(self.costs(batch)[self.metric], dtype=np.float64)
            return PREDICTED[self.metric].error(predicted) / 2
        found: FloatArray = np.sqrt(self.offset.variance(batch) + self.offset.noise**2)
        return found

    def draws(self, batch: IntArray, rng: np.random.Generator) -> FloatArray:
        """Draw joint values of candidates, ``[DRAWS, n]``.

        Where nothing was learned, all predictions are off the same way.
        """
        if self.offset is None:
            off = rng.standard_normal((DRAWS, 1)) * self.deviation(batch)
            drawn: FloatArray = self.mean(batch) + off
            return drawn
        return self.costs(batch)[self.metric] + self.offset.draws(batch, DRAWS, rng)


@dataclass(frozen=True, slots=True, eq=False)
class FileForecast(Forecast):
    """A forecast in which limits on predicted metrics count with what is left of their error.

    Attributes:
        limits: On predicted metrics; the others are those of each question.
        corrections: By metric.
    """

    limits: tuple[Constraint, ...] = ()
    corrections: dict[str, Correction] = field(default_factory=dict)

    @classmethod
    def with_files(
        cls,
        forecast: Forecast,
        costs: StaticCosts,
        limits: Sequence[Constraint],
        records: Sequence[Record],
    ) -> FileForecast:
        """Return a forecast that knows limits on predicted metrics as well."""
        return cls(
            forecast.space,
            forecast.models,
            forecast.logarithms,
            forecast.records,
            forecast.measured,
            limits=tuple(limits),
            corrections={
                name: Correction.of(name, forecast.space, costs, records)
                for name in dict.fromkeys(each.metric for each in limits)
            },
        )

    def chances(self, batch: IntArray, limits: Sequence[Constraint]) -> FloatArray:
        """Return with which probability candidates keep some limits and these, ``[n]``."""
        chance = Forecast.chances(self, batch, limits)
        for limit in self.limits:
            correction = self.corrections[limit.metric]
            over = (limit.bound - correction.mean(batch)) / correction.deviation(batch)
            chance *= stats.norm.cdf(over if limit.sense is Sense.AT_MOST else -over)
        return chance

    def draws(
        self, batch: IntArray, limits: Sequence[Constraint], rng: np.random.Generator
    ) -> BoolArray:
        """Draw which candidates keep some limits and these, ``[DRAWS, n]``."""
        kept = Forecast.draws(self, batch, limits, rng)
        drawn = {name: each.draws(batch, rng) for name, each in self.corrections.items()}
        for limit in self.limits:
            values = drawn[limit.metric]
            kept &= values <= limit.bound if limit.sense is Sense.AT_MOST else values >= limit.bound
        return kept

    def expected(self, candidate: Candidate) -> dict[str, Expected]:
        """Return what is expected of a candidate's readings and of its file."""
        found = Forecast.expected(self, candidate)
        batch, wide = self.space.batch([candidate]), stats.norm.ppf((1 + LEVEL) / 2)
        for name, correction in self.corrections.items():
            mean = float(correction.mean(batch)[0])
            reach = float(wide * correction.deviation(batch)[0])
            found[name] = Expected(mean, mean - reach, mean + reach)
        return found


def is_counted(record: Record, metric: str) -> bool:
    """Whether a record has the metric of its file, and not the prediction of it."""
    return metric in record.measurement and record.measurement[metric].stage is not Stage.STATIC


def counted_over(
    batch: IntArray,
    *,
    space: SearchSpace,
    costs: StaticCosts,
    limits: Sequence[Constraint],
    records: Sequence[Record],
) -> BoolArray:
    """Return of which of a batch ``[n, hparams]`` a file was counted that breaks a limit, ``[n]``.

    Candidates with the same static costs have the same network, trained in different ways: the
    file of one is as large as that of the other.
    """
    broken = [
        record.candidate
        for record in records
        if any(
            is_counted(record, limit.metric) and limit.violation(record.measurement) > 0
            for limit in limits
        )
    ]
    if not broken or not len(batch):
        return np.zeros(len(batch), dtype=np.bool_)
    known = set(_networks(costs, space.batch(broken)))
    return np.array([each in known for each in _networks(costs, batch)], dtype=np.bool_)


def _networks(costs: StaticCosts, batch: IntArray) -> list[tuple[float, ...]]:
    """Return all static costs of each candidate of a batch ``[n, hparams]``."""
    columns = [np.asarray(values) for _, values in sorted(costs(batch).items())]
    return [tuple(row) for row in np.column_stack(columns).tolist()]
