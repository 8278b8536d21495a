"""What a model of the records promises of limits: predictions, never measurements.

Each metric that is not known before a candidate is built has its own :class:`Outlook`; one that is
settled before training is modelled by its logarithm, as costs multiply. Candidates that break a
static limit are left out by their exact costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from tightfit import (
    BoolArray,
    Candidate,
    Constraint,
    FloatArray,
    IntArray,
    Kind,
    Metric,
    Reading,
    Record,
    SearchSpace,
    Sense,
    Stage,
)
from tightfit.search.outlook import Outlook
from tightfit.search.region import Region, as_row

POOL = 2_048
"""Candidates that are drawn to look for promising ones."""

PROMISING = 64
"""Of those, how many are looked at together."""

DRAWS = 400

LEVEL = 0.9
"""Of every interval of a prediction."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A prediction with the interval that holds a reading in ``LEVEL`` of all cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Promise:
    """What the model says of candidates that were not evaluated.

    Attributes:
        records: How many it has learned from.
        candidate: The one that most probably keeps all limits.
        chance: With which probability it does.
        expected: Of its metrics that are not known before it is built.
        within: With which probability one of the first ``trials`` candidates does, tried from the
            most promising one on, and of no more than were looked at.
        trials: See there.
        looked_at: How many candidates were looked at together: of more nothing is said.
        trainings: How many must be tried for an even chance; ``None`` where all that were looked at
            are too few.
        trainings_high: How many for nine chances in ten.
    """

    records: int
    candidate: Candidate
    chance: float
    expected: Mapping[str, Expected]
    within: float
    trials: int
    looked_at: int
    trainings: int | None
    trainings_high: int | None


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Models of the metrics that must be built or trained for, from the records.

    Attributes:
        space: Of the candidates.
        models: By metric; only those that enough records have a reading of.
        logarithms: Metrics that are modelled by their logarithm.
        records: How many the models have learned from, the fewest of any.
        measured: By metric the readings that have an interval, for limits that demand it whole.
    """

    space: SearchSpace
    models: Mapping[str, Outlook]
    logarithms: frozenset[str]
    records: int
    measured: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, space: SearchSpace, records: Iterable[Record], metrics: Iterable[Metric]
    ) -> Forecast:
        """Learn some metrics from records of the space.

        Readings of static stages are no readings of what is measured later, and are left out.
        """
        known = list({record.candidate: record for record in records}.values())
        models: dict[str, Outlook] = {}
        logarithms: set[str] = set()
        measured: dict[str, tuple[Reading, ...]] = {}
        counts = [0]
        for metric in metrics:
            having = [
                record
                for record in known
                if metric.name in record.measurement
                and record.measurement[metric.name].stage is metric.stage
            ]
            readings = [record.measurement[metric.name] for record in having]
            measured[metric.name] = tuple(each for each in readings if each.kind is Kind.MEASURED)
            values = np.array([each.value for each in readings])
            errors = np.array([each.stderr for each in readings])
            if metric.stage is Stage.RUNTIME and (values > 0).all():
                logarithms.add(metric.name)
                values, errors = np.log(values), errors / values
            batch = space.batch([each.candidate for each in having])
            scatter = float(np.sqrt(np.mean(errors**2))) if len(errors) else 0.0
            model = Outlook.of(space, batch, values, scatter=scatter)
            if model is not None:
                models[metric.name] = model
                counts.append(len(values))
        least = min(counts[1:], default=0)
        return cls(space, models, frozenset(logarithms), least, measured)

    def chances(self, batch: IntArray, limits: Sequence[Constraint]) -> FloatArray:
        """Return with which probability candidates keep limits on the modelled metrics, ``[n]``."""
        chance = np.ones(len(batch))
        for limit in limits:
            model = self.models[limit.metric]
            deviation = np.sqrt(model.variance(batch) + model.noise**2)
            bound = self._demanded(limit)
            below: FloatArray = stats.norm.cdf((bound - model.mean(batch)) / deviation)
            chance *= below if limit.sense is Sense.AT_MOST else 1 - below
        return chance

    def draws(
        self, batch: IntArray, limits: Sequence[Constraint], rng: np.random.Generator
    ) -> BoolArray:
        """Draw which candidates keep limits on the modelled metrics, ``[DRAWS, n]``."""
        kept = np.ones((DRAWS, len(batch)), dtype=np.bool_)
        for limit in limits:
            values = self.models[limit.metric].draws(batch, DRAWS, rng)
            bound = self._demanded(limit)
            kept &= values <= bound if limit.sense is Sense.AT_MOST else values >= bound
        return kept

    def held(self, limit: Constraint, batch: IntArray) -> FloatArray:
        """Return what is expected to be held against a limit, in its metric's unit, ``[n]``.

        Where the whole interval counts, that is its worse end.
        """
        margin = self._margin(limit)
        mean = self.models[limit.metric].mean(batch)
        worse = mean + margin if limit.sense is Sense.AT_MOST else mean - margin
        return np.exp(worse) if limit.metric in self.logarithms else worse

    def expected(self, candidate: Candidate) -> dict[str, Expected]:
        """Return what the models expect of a candidate's readings."""
        batch, wide = self.space.batch([candidate]), stats.norm.ppf((1 + LEVEL) / 2)
        found = {}
        for name, model in self.models.items():
            mean = float(model.mean(batch)[0])
            reach = float(wide * np.sqrt(model.variance(batch)[0] + model.noise**2))
            values = np.array([mean, mean - reach, mean + reach])
            if name in self.logarithms:
                values = np.exp(values)
            found[name] = Expected(*(float(value) for value in values))
        return found

    def _demanded(self, limit: Constraint) -> float:
        """Return what a value must reach to keep a limit, as the metric is modelled."""
        bound = limit.bound
        if limit.metric in self.logarithms:
            bound = float(np.log(bound)) if bound > 0 else -np.inf
        margin = self._margin(limit)
        return bound - margin if limit.sense is Sense.AT_MOST else bound + margin

    def _margin(self, limit: Constraint) -> float:
        """Return the readings' usual margin to a limit whose whole interval counts, as modelled."""
        scaled = limit.metric in self.logarithms
        margins = [
            limit.margin(each) / (each.value if scaled else 1.0)
            for each in self.measured.get(limit.metric, ())
        ]
        return float(np.median(margins)) if margins else 0.0


def candidates_to_try(
    region: Region, records: Iterable[Record], *, seed: int = 0, pool: int = POOL
) -> IntArray:
    """Return candidates within the static limits that have no record, ``[n, hparams]``.

    Drawn over the region, and all that differ from an evaluated one in a single choice.
    """
    rng = np.random.default_rng(seed)
    known = [record.candidate.indices for record in records]
    near = [region.single_changes(np.array(row, dtype=np.int64)) for row in known]
    batch = np.concatenate([region.draws(pool, rng), *near])
    batch = np.unique(batch[region.screen.keeps(batch)], axis=0)
    seen = set(known)
    return batch[[row not in seen for row in map(as_row, batch)]]


def promise(
    forecast: Forecast, batch: IntArray, limits: Sequence[Constraint], *, trials: int
) -> Promise | None:
    """Return what a model promises of candidates ``[n, hparams]`` under limits.

    Args:
        forecast: Of the records.
        batch: Candidates that keep the limits which are known before they are built.
        limits: Those on other metrics.
        trials: How many the caller would try.

    Returns:
        ``None`` where a metric has too few readings for a model, or there is no candidate.
    """
    if not len(batch) or any(limit.metric not in forecast.models for limit in limits):
        return None
    chances = forecast.chances(batch, limits)
    order = np.argsort(-chances, kind="stable")[:PROMISING]
    kept = forecast.draws(batch[order], limits, np.random.default_rng(0))
    first = np.where(kept.any(axis=1), kept.argmax(axis=1) + 1, PROMISING + 1)
    best = forecast.space.candidate(batch[order[0]])
    return Promise(
        records=forecast.records,
        candidate=best,
        chance=float(chances[order[0]]),
        expected=forecast.expected(best),
        within=float((first <= min(trials, PROMISING)).mean()),
        trials=trials,
        looked_at=len(order),
        trainings=_quantile(first, 0.5),
        trainings_high=_quantile(first, LEVEL),
    )


def _quantile(first: IntArray, share: float) -> int | None:
    """Return in how many tries that share of the draws succeeds."""
    tries = int(np.sort(first)[int(np.ceil(share * len(first))) - 1])
    return tries if tries <= PROMISING else None
