"""Milliseconds of one run, measured so that they repeat.

What disturbs a latency is larger than what most candidates differ by, and has four scales.

- Within a session, single runs scatter: the agent runs until nothing gets faster any more, then
  blocks of runs, the first of which are dropped because they find cold caches, and takes the median
  of each block.
- Between sessions, a file lands in other memory and is up to a third faster or slower for as long
  as it is loaded: several fresh sessions, and the interval is taken *between* them.
- Over minutes, the machine itself changes its pace: blocks of the candidate alternate with blocks
  of the baseline's file, and what is read is the ratio of the two.
- Now and then, something else takes the processor: a session whose threads had to wait for it is
  set aside and repeated, as long as there is time.

A candidate's ``latency_ms`` is therefore its ratio to the baseline times the milliseconds of the
baseline as they were taken once, the *reference*. Candidates measured in different hours compare,
and a limit in milliseconds means the same for all. The reference's own error is common to all of
them and not part of a candidate's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tightfit.errors import SpecError
from tightfit.objectives.meter.facts import Session
from tightfit.objectives.meter.interval import Interval, median_interval
from tightfit.objectives.meter.taking import Precision, Question, Sessions, take
from tightfit.reading import Reading

TOO_WIDE, TOO_WIDE_ALONE = 0.1, 0.25
"""Half of an interval, as a share, beyond which a disturbed machine has not measured anything: of a
ratio, and of the milliseconds of a file alone, which feel everything else that runs."""


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """A candidate's latency.

    Attributes:
        latency_ms: The ratio times the reference milliseconds.
        ratio: To the baseline, measured in the same seconds.
        baseline_ms: The baseline's milliseconds in these same seconds.
        sessions: Those that the ratio is the median of.
    """

    latency_ms: Reading
    ratio: Interval
    baseline_ms: float
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True)
class LatencyMeter:
    """Measures files beside the baseline's file; a run is of as many pictures as the device takes.

    Attributes:
        baseline: The baseline's file.
        device: Where both are measured.
        reference_ms: What :meth:`measure_baseline` gave once. Without it, a candidate's
            milliseconds are those of the moment.
        precision: When a reading is good enough.
        decisive: Whether anything is decided by it. Where nothing is, what a disturbed machine has
            said is told with its interval and a note, however wide: no candidate is lost by it.

    Raises:
        SpecError: A reference that is not positive.
    """

    baseline: Path
    device: Sessions
    reference_ms: float | None = None
    precision: Precision = field(default_factory=Precision)
    decisive: bool = True

    def __post_init__(self) -> None:
        value = self.reference_ms
        if value is not None and not (math.isfinite(value) and value > 0):
            raise SpecError(f"'reference_ms' of a latency must be positive, got {value}")

    def measure(self, path: Path) -> LatencyResult:
        """Measure a file beside the baseline's.

        Raises:
            MeasurementError: A file could not be loaded or run, or the machine is too disturbed.
        """
        question = Question([path, self.baseline], _ratio, self._too_wide(TOO_WIDE))
        taken = take(self.device, question, self.precision)
        baseline_ms = statistics.median(session.ms[1] for session in taken.sessions)
        unit = baseline_ms if self.reference_ms is None else self.reference_ms
        return LatencyResult(
            taken.reading(unit), taken.interval, baseline_ms, tuple(taken.sessions)
        )

    def measure_baseline(self) -> Reading:
        """Measure the baseline alone: the reference milliseconds of all that follows.

        Raises:
            MeasurementError: The file could not be loaded or run, or the machine is too disturbed.
        """
        question = Question([self.baseline], _milliseconds, self._too_wide(TOO_WIDE_ALONE))
        return take(self.device, question, self.precision).reading(1.0)

    def _too_wide(self, share: float) -> float:
        return share if self.decisive else math.inf


def _ratio(sessions: Sequence[Session]) -> Interval:
    return median_interval([session.ms[0] / session.ms[1] for session in sessions])


def _milliseconds(sessions: Sequence[Session]) -> Interval:
    return median_interval([session.ms[0] for session in sessions])
