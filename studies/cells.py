"""One value of a table, in the parts that a terminal and a page align each in its own way."""

from __future__ import annotations

from dataclasses import dataclass

from tightfit import Measurement, Metric
from tightfit.studies import wording
from tightfit.studies.results import Results

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of one network.

    Attributes:
        value: Without its unit; ``–`` where it was not read.
        spread: Its standard error, ``±0.7``; empty where there is none.
        unit: For people.
        beside: What it is of the baseline, or how far from it; empty for the baseline itself.
        broken: Whether it breaks a limit.
        number: To sort by; ``None`` where it was not read.
    """

    value: str
    spread: str
    unit: str
    beside: str
    broken: bool
    number: float | None


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
        return Cell(MISSING, "", unit, "", broken=False, number=None)
    reading = measurement[metric.name]
    beside = ""
    if not baseline and metric.name in results.baseline:
        beside = wording.relation(metric, reading.value, results.baseline.value(metric.name))
    return Cell(
        value=wording.number(metric, reading.value, stderr=reading.stderr),
        spread=wording.spread(metric, reading),
        unit=unit,
        beside=beside,
        broken=not baseline
        and any(
            constraint.metric == metric.name and constraint.excess(reading.value) > 0
            for constraint in results.constraints
        ),
        number=reading.value,
    )
