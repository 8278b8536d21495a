"""Milliseconds for one picture, measured so that they repeat.

What disturbs a latency is larger than what most candidates differ by, and has three scales.

- Within a session, single runs scatter: blocks of runs, the first of which are dropped because they
  find cold caches, and the median of each block.
- Between sessions, a file lands in other memory and is up to a third faster or slower for as long
  as it is loaded: several fresh sessions, and the standard error is taken *between* them.
- Over minutes, the machine itself changes its pace: blocks of the candidate alternate with blocks
  of the baseline's file, and what is read is the ratio of the two.

A candidate's ``latency_ms`` is therefore its ratio to the baseline times the milliseconds of the
baseline as they were taken once, the *reference*. Candidates measured in different hours compare,
and a limit in milliseconds means the same for all. The reference's own error is common to all of
them and not part of a candidate's.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tightfit.errors import SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.runtimes.protocol import Float32Array, Runtime, Session
from tightfit.reading import Reading

FEWEST_SESSIONS = 3
FEWEST_RUNS, MOST_RUNS = 3, 20
MOST_PAIRS = 3
DROPPED = 4
PROBES = 3

MEDIAN_ERROR = math.sqrt(math.pi / 2)
"""Standard error of a median over that of a mean, for readings near a normal distribution."""


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """A candidate's latency.

    Attributes:
        latency_ms: The ratio times the reference milliseconds.
        ratio: To the baseline, measured in the same seconds.
        ratio_stderr: One standard error of the ratio, between sessions.
        baseline_ms: The baseline's milliseconds in these same seconds.
    """

    latency_ms: Reading
    ratio: float
    ratio_stderr: float
    baseline_ms: float


@dataclass(frozen=True, slots=True)
class LatencyMeter:
    """Measures files beside the baseline's file, one picture at a time.

    Attributes:
        baseline: The baseline's file.
        runtime: Opens both files; with one thread its sessions have no pools that could spin.
        reference_ms: What :meth:`measure_baseline` gave once. Without it, a candidate's
            milliseconds are those of the moment.
        sessions: How many times both files are loaded afresh.
        budget_s: Seconds of timed runs in one measurement, loading not counted. Nets so slow that
            the fewest runs take longer take longer.

    Raises:
        SpecError: Too few sessions, a budget or reference that is not positive.
    """

    baseline: Path
    runtime: Runtime
    reference_ms: float | None = None
    sessions: int = 5
    budget_s: float = 1.0

    def __post_init__(self) -> None:
        if self.sessions < FEWEST_SESSIONS:
            raise SpecError(
                f"a latency needs at least {FEWEST_SESSIONS} sessions, got {self.sessions}"
            )
        for name, value in (("budget_s", self.budget_s), ("reference_ms", self.reference_ms)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise SpecError(f"{name!r} of a latency must be positive, got {value}")

    def measure(self, path: Path) -> LatencyResult:
        """Measure a file beside the baseline's.

        Raises:
            MeasurementError: A file could not be loaded or run.
        """
        ratios, baselines = [], []
        for _ in range(self.sessions):
            candidate_ms, baseline_ms = self._session([path, self.baseline])
            ratios.append(candidate_ms / baseline_ms)
            baselines.append(baseline_ms)
        ratio, stderr = _median_with_error(ratios)
        baseline_ms = statistics.median(baselines)
        unit = baseline_ms if self.reference_ms is None else self.reference_ms
        return LatencyResult(
            _reading(ratio * unit, stderr * unit, ratios), ratio, stderr, baseline_ms
        )

    def measure_baseline(self) -> Reading:
        """Measure the baseline alone: the reference milliseconds of all that follows.

        Raises:
            MeasurementError: The file could not be loaded or run.
        """
        values = [self._session([self.baseline])[0] for _ in range(self.sessions)]
        value, stderr = _median_with_error(values)
        return _reading(value, stderr, values)

    def _session(self, paths: Sequence[Path]) -> list[float]:
        """Return the milliseconds of each file, loaded afresh, in blocks that alternate.

        Rounds go there and back, first file first and then last file first, so that a pace that
        changes evenly cancels.
        """
        timers = [_Timer(self.runtime.open(path)) for path in paths]
        probes = sum(timer.probe() for timer in timers)
        share = 1000 * self.budget_s / self.sessions
        runs = min(max(int(share / (2 * probes)), FEWEST_RUNS), MOST_RUNS)
        pairs = min(max(int(share / (2 * runs * probes)), 1), MOST_PAIRS)
        for _ in range(pairs):
            for timer in (*timers, *reversed(timers)):
                timer.block(runs)
        return [statistics.median(timer.medians) for timer in timers]


class _Timer:
    """Times one session's runs on a picture of noise."""

    def __init__(self, session: Session) -> None:
        rng = np.random.default_rng(0)
        self._session = session
        self._inputs: list[Float32Array] = [
            rng.standard_normal((1, *shape), dtype=np.float32) for shape in session.input_shapes
        ]
        self.medians: list[float] = []

    def probe(self) -> float:
        """Return the milliseconds of a run behind the first, which allocates."""
        return min(self._times(PROBES)[1:])

    def block(self, runs: int) -> None:
        """Take the median of a block, without the runs that find cold caches."""
        dropped = min(DROPPED, runs // 3)
        self.medians.append(statistics.median(self._times(runs)[dropped:]))

    def _times(self, runs: int) -> list[float]:
        times = []
        for _ in range(runs):
            start = time.perf_counter_ns()
            self._session.run(self._inputs)
            times.append((time.perf_counter_ns() - start) / 1e6)
        return times


def _median_with_error(values: Sequence[float]) -> tuple[float, float]:
    error = MEDIAN_ERROR * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.median(values), error


def _reading(value: float, stderr: float, values: Sequence[float]) -> Reading:
    return Reading(value, Kind.MEASURED, Stage.RUNTIME, stderr=stderr, repeats=len(values))
