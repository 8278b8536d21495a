"""What is measured of a file beside its latency, where it is wanted.

What it takes before it answers: the time to load it, and the memory at the worst moment. Both are
taken in new processes, because a runtime that has loaded a file before is faster, and memory that
was freed is used again. The file lies in the system's cache, as the second start of an application
finds it. The peak is mostly one of loading: a runtime holds the file beside what it makes of it, so
it is several times the weights, and hardly feels the activations.

And its slowest runs, which :mod:`tightfit.objectives.tail` measures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tightfit.errors import SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.meter.device import UntoldError
from tightfit.objectives.meter.facts import Fresh
from tightfit.objectives.meter.interval import FEWEST, median_interval
from tightfit.objectives.meter.taking import Precision, Sessions
from tightfit.objectives.metrics import latency_p99_ms, load_ms, peak_kb
from tightfit.objectives.tail import measure_tail
from tightfit.reading import Reading

LOADS, PEAKS = 7, 3
"""New processes for each file; the peak repeats from process to process, the time does not."""
FOOTPRINT_METRICS = (latency_p99_ms.METRIC, load_ms.METRIC, peak_kb.METRIC)


class FreshStarts(Sessions, Protocol):
    """What also starts files anew; :class:`tightfit.objectives.meter.device.Device` does."""

    def fresh(self, path: Path) -> Fresh:
        """Load and run a file in a new process.

        Raises:
            MeasurementError: It could not be loaded or run.
        """
        ...


@dataclass(frozen=True, slots=True)
class FootprintMeter:
    """Measures what is wanted of load time, memory and slowest runs; nothing where nothing is.

    Attributes:
        baseline: The baseline's file.
        device: Where files are started.
        wanted: Names of metrics; others than ``FOOTPRINT_METRICS`` are not looked at.
        references: The baseline's own values by metric. A candidate's load time is its ratio to
            the baseline, whose starts alternate with its own, times the reference; without one
            the milliseconds are those of the moment. So it is with the slowest runs.
        precision: When the slowest runs are known well enough.
        decisive: Whether anything is decided by them; elsewhere a disturbed machine refuses none.
    """

    baseline: Path
    device: FreshStarts
    wanted: Collection[str]
    references: Mapping[str, float] = field(default_factory=dict)
    precision: Precision = field(default_factory=Precision)
    decisive: bool = True

    def __post_init__(self) -> None:
        for metric in (latency_p99_ms.METRIC, load_ms.METRIC):
            value = self.references.get(metric.name, 1.0)
            if not value > 0:
                raise SpecError(f"the reference of {metric.name!r} must be positive, got {value}")

    @property
    def asked(self) -> bool:
        """Whether anything is wanted of it."""
        return any(metric.name in self.wanted for metric in FOOTPRINT_METRICS)

    def measure(self, path: Path) -> dict[str, Reading]:
        """Return the wanted readings of a file.

        Raises:
            MeasurementError: It could not be loaded or run, the machine is too disturbed, or
                memory is wanted and not told there (:class:`UntoldError`).
        """
        tail = latency_p99_ms.METRIC.name
        if tail not in self.wanted:
            return self._fresh(path)
        slowest = measure_tail(
            path,
            baseline=self.baseline,
            device=self.device,
            precision=self.precision,
            reference_ms=self.references.get(tail),
            decisive=self.decisive,
        )
        return {tail: slowest, **self._fresh(path)}

    def _fresh(self, path: Path) -> dict[str, Reading]:
        """Return what is wanted of new processes."""
        loads = load_ms.METRIC.name in self.wanted
        peaks = peak_kb.METRIC.name in self.wanted
        starts, besides = [], []
        for _ in range(LOADS if loads else PEAKS if peaks else 0):
            starts.append(self.device.fresh(path))
            if loads and path != self.baseline:
                besides.append(self.device.fresh(self.baseline).load_ms)
        readings = {}
        if loads:
            readings[load_ms.METRIC.name] = self._load([each.load_ms for each in starts], besides)
        if peaks:
            readings[peak_kb.METRIC.name] = _reading([_told(each) for each in starts], 1.0)
        return readings

    def _load(self, taken: list[float], besides: list[float]) -> Reading:
        if not besides:
            return _reading(taken, 1.0)
        unit = self.references.get(load_ms.METRIC.name, statistics.median(besides))
        return _reading([a / b for a, b in zip(taken, besides, strict=True)], unit)


def _told(start: Fresh) -> float:
    if start.peak_kb is None:
        raise UntoldError(f"the device does not tell a process's memory: {start.untold}")
    return start.peak_kb


def _reading(values: list[float], unit: float) -> Reading:
    """Return the median, or the mean where a median has no 95 % interval: of very few values."""
    repeats = len(values)
    if repeats < FEWEST:
        value, stderr = statistics.fmean(values), statistics.stdev(values) / math.sqrt(repeats)
    else:
        found = median_interval(values)
        value, stderr = found.median, found.stderr(repeats)
    return Reading(
        value * unit, Kind.MEASURED, Stage.RUNTIME, stderr=stderr * unit, repeats=repeats
    )
