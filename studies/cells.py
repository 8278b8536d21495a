"""One value of a table, in the parts that a terminal and a page align each in its own way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tightfit import Measurement, Metric
from tightfit.studies import wording
from tightfit.studies.results import Results

MISSING = "–"
BROKEN_MARK, NOISY_MARK = "✗", "≈"
NOISY_WORDS = "within noise: kept by its value, but the 95 % interval reaches over the limit"


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of one network.

    Attributes:
        value: Without its unit; ``–`` where it was not read.
        spread: Its standard error, ``±0.7``; empty where there is none.
        unit: For people.
        beside: What it is of the baseline, or how far from it; empty for the baseline itself.
        broken: Whether it breaks a limit.
        noisy: Whether it keeps a limit by its value only: its 95 % interval reaches over it.
        number: To sort by; ``None`` where it was not read.
    """

    value: str
    spread: str
    unit: str
    beside: str
    broken: bool
    noisy: bool
    number: float | None

    @property
    def mark(self) -> str:
        """What stands before the value: that it breaks a limit, or keeps it within noise."""
        return BROKEN_MARK if self.broken else NOISY_MARK if self.noisy else ""


def cell(
    results: Results, metric: Metric, measurement: Measurement, *, baseline: bool = False
) -> Cell:
    """Return what a table shows of one metric.

    Args:
        results: Of the run.
        metric: One of its metrics.
        measurement: Of the network.
        baseline: Whether the network is the baseline, which breaks no limit.
    """
    unit = wording.unit(metric)
    if metric.name not in measurement:
        return Cell(MISSING, "", unit, "", broken=False, noisy=False, number=None)
    reading = measurement[metric.name]
    limits = [each for each in results.constraints if each.metric == metric.name]
    apart = [each.bound for each in limits]
    if baseline:
        limits = []
    beside = ""
    if not baseline and metric.name in results.baseline:
        beside = wording.relation(metric, reading.value, results.baseline.value(metric.name))
    return Cell(
        value=wording.number(metric, reading.value, stderr=reading.stderr, apart=apart),
        spread=wording.spread(metric, reading, apart=apart),
        unit=unit,
        beside=beside,
        broken=any(limit.excess(limit.judged(reading)) > 0 for limit in limits),
        noisy=any(limit.within_noise(reading) for limit in limits),
        number=reading.value,
    )


def bounds(
    results: Results, metric: Metric, measurements: Iterable[Measurement]
) -> tuple[str, ...]:
    """Return the limits on a metric without its name, ``≤ 894 kB``, above cells or beside one.

    Args:
        results: Of the run.
        metric: One of its metrics.
        measurements: Of the networks whose cells are shown: a bound has digits enough to be told
            from their readings, as these have.
    """
    apart = [each.value(metric.name) for each in measurements if metric.name in each]
    return tuple(
        wording.bound(each, metric, apart=apart)
        for each in results.constraints
        if each.metric == metric.name
    )
