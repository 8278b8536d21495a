"""How long the slowest runs of a file take: the 99th percentile of single runs.

The sessions are those of a latency (:mod:`tightfit.objectives.meter.taking`), made long enough that
each tells at least ``RUNS`` runs of each file; six sessions are the fewest, 576 runs, of which six
lie above the percentile. All runs of a file are pooled, because a session that was loaded badly is
part of its tail. What is read is the ratio of the two percentiles, and sessions are what the
interval resamples: runs of one session are no independent readings.

A run counts as it does for a latency: with one thread and interrupted, with its time on the
processor. The tail is therefore the file's own (caches, memory, the clock) and not the scheduler's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tightfit.objectives.meter.facts import Session
from tightfit.objectives.meter.interval import Interval
from tightfit.objectives.meter.taking import Precision, Question, Sessions, take
from tightfit.reading import Reading
from tightfit.space import FloatArray, IntArray

RUNS = 96
"""Of each file in a session, without those that find cold caches."""
NARROW = 0.1
"""Half of the interval, as a share: a tail is never known as well as a median."""
TOO_WIDE = 0.5
"""The same, beyond which a disturbed machine has not measured anything."""
_SHARE = 0.99
_RESAMPLES = 500
_ENDS = (0.025, 0.975)


def measure_tail(
    path: Path,
    *,
    baseline: Path,
    device: Sessions,
    precision: Precision,
    reference_ms: float | None = None,
    decisive: bool = True,
) -> Reading:
    """Return the 99th percentile of a file's runs, as its ratio to the baseline's times a unit.

    Args:
        path: The file; the baseline itself is measured beside nothing.
        baseline: The baseline's file.
        device: Where both are measured.
        precision: When to stop; ``interval`` counts where it is wider than ``NARROW``.
        reference_ms: The unit: the baseline's own percentile as it was taken once. Without it, that
            of the moment.
        decisive: Whether anything is decided by it; elsewhere it is told however wide it is.

    Raises:
        MeasurementError: A file could not be loaded or run, or the machine is too disturbed.
    """
    paths = [path] if path == baseline else [path, baseline]
    precision = replace(precision, interval=max(precision.interval, NARROW))
    too_wide = TOO_WIDE if decisive else math.inf
    taken = take(device, Question(paths, tail, too_wide, RUNS), precision)
    if path == baseline:
        return taken.reading(1.0)
    once = np.ones((1, len(taken.sessions)), np.int64)
    (now_ms,) = _percentiles([session.runs[1] for session in taken.sessions], once)
    return taken.reading(float(now_ms) if reference_ms is None else reference_ms)


def tail(sessions: Sequence[Session]) -> Interval:
    """Return the percentile of the first file, as a ratio to the second one's where there are two.

    The interval is a percentile bootstrap of whole sessions (Efron and Tibshirani, "An Introduction
    to the Bootstrap", 13.3), with the same draws for both files.
    """
    rng, n = np.random.default_rng(len(sessions)), len(sessions)
    draws = rng.multinomial(n, np.full(n, 1 / n), _RESAMPLES)
    middle, *of_draws = _ratios(sessions, np.vstack([np.ones(n, np.int64), draws]))
    low, high = np.quantile(of_draws, _ENDS)
    return Interval(min(float(low), middle), float(middle), max(float(high), middle))


def _ratios(sessions: Sequence[Session], draws: IntArray) -> FloatArray:
    """Return the statistic of each draw of sessions, ``[draws]``.

    Args:
        sessions: Which tell single runs.
        draws: How often each session was drawn, ``[draws, sessions]``.
    """
    first, *second = (
        _percentiles([session.runs[k] for session in sessions], draws)
        for k in range(len(sessions[0].runs))
    )
    return first / second[0] if second else first


def _percentiles(runs: Sequence[Sequence[float]], draws: IntArray) -> FloatArray:
    """Return the least run that ``_SHARE`` of those drawn do not exceed, ``[draws]``."""
    pooled = np.concatenate([np.asarray(each) for each in runs])
    order = np.argsort(pooled)
    of_session = np.repeat(np.arange(len(runs)), [len(each) for each in runs])[order]
    below = np.cumsum(draws[:, of_session], axis=1)
    places = np.argmax(below >= _SHARE * below[:, -1:], axis=1)
    found: FloatArray = pooled[order][places]
    return found
