"""Milliseconds for one picture, measured so that they repeat.

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
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tightfit.errors import MeasurementError, SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.meter.facts import Session
from tightfit.objectives.meter.interval import FEWEST, Interval, median_interval
from tightfit.reading import Reading

SESSION_S = 0.17
"""Seconds of timed runs in one session, loading not counted; six sessions take about a second."""
CALM = 0.05
"""Share of the time that a session's threads may wait for a processor and count as undisturbed."""
TOO_WIDE, TOO_WIDE_ALONE = 0.1, 0.25
"""Half of an interval, as a share, beyond which a disturbed machine has not measured anything: of a
ratio, and of the milliseconds of a file alone, which feel everything else that runs."""
PATIENCE = 10
"""Times ``seconds`` that a disturbed machine is given to become quiet."""
_LONGEST_PAUSE_S = 0.4


class Sessions(Protocol):
    """What times files beside each other; :class:`tightfit.objectives.meter.device.Device` does."""

    def session(self, paths: Sequence[Path], seconds: float) -> Session:
        """Load files afresh and time them in blocks that alternate.

        Raises:
            MeasurementError: A file could not be loaded or run.
        """
        ...


@dataclass(frozen=True, slots=True)
class Precision:
    """How sure a latency must be.

    Attributes:
        interval: Half of its 95 % interval, as a share: narrower is not asked for.
        seconds: When to stop, narrow or not. The fewest sessions of slow nets take longer, and a
            disturbed machine gets more.

    Raises:
        SpecError: A number that is not positive.
    """

    interval: float = 0.02
    seconds: float = 3.0

    def __post_init__(self) -> None:
        for name, value in (("interval", self.interval), ("seconds", self.seconds)):
            if not (math.isfinite(value) and value > 0):
                raise SpecError(f"{name!r} of a latency must be positive, got {value}")


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
    """Measures files beside the baseline's file, one picture at a time.

    Attributes:
        baseline: The baseline's file.
        device: Where both are measured.
        reference_ms: What :meth:`measure_baseline` gave once. Without it, a candidate's
            milliseconds are those of the moment.
        precision: When a reading is good enough.

    Raises:
        SpecError: A reference that is not positive.
    """

    baseline: Path
    device: Sessions
    reference_ms: float | None = None
    precision: Precision = field(default_factory=Precision)

    def __post_init__(self) -> None:
        value = self.reference_ms
        if value is not None and not (math.isfinite(value) and value > 0):
            raise SpecError(f"'reference_ms' of a latency must be positive, got {value}")

    def measure(self, path: Path) -> LatencyResult:
        """Measure a file beside the baseline's.

        Raises:
            MeasurementError: A file could not be loaded or run, or the machine is too disturbed.
        """
        taken = self._taken([path, self.baseline], lambda ms: ms[0] / ms[1], TOO_WIDE)
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
        return self._taken([self.baseline], lambda ms: ms[0], TOO_WIDE_ALONE).reading(1.0)

    def _taken(
        self, paths: Sequence[Path], value: Callable[[Sequence[float]], float], too_wide: float
    ) -> _Taken:
        """Take sessions until their median is known well enough, or the time is up."""
        quiet, everything = _Taken(value), _Taken(value, note="the machine was disturbed")
        started = time.monotonic()
        pause = 0.05
        while True:
            session = self.device.session(paths, SESSION_S)
            everything.add(session)
            calm = session.waited is None or session.waited <= CALM
            if calm:
                quiet.add(session)
            spent = time.monotonic() - started
            late = spent > self.precision.seconds
            wanted = self.precision.interval
            if quiet.enough and (late or quiet.width <= wanted):
                late_note = f"the time was up after {spent:.1f} s"
                quiet.note = late_note if quiet.width > wanted else ""
                return quiet
            if everything.enough and everything.width <= max(wanted, too_wide * late):
                return everything
            if everything.enough and spent > PATIENCE * self.precision.seconds:
                raise MeasurementError(_too_disturbed(paths[0], everything, spent))
            if not calm:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)


class _Taken:
    """Sessions that were taken, and what they say together."""

    def __init__(self, value: Callable[[Sequence[float]], float], *, note: str = "") -> None:
        self._value = value
        self.note = note
        self.sessions: list[Session] = []

    def add(self, session: Session) -> None:
        self.sessions.append(session)

    @property
    def enough(self) -> bool:
        return len(self.sessions) >= FEWEST

    @property
    def interval(self) -> Interval:
        return median_interval([self._value(session.ms) for session in self.sessions])

    @property
    def width(self) -> float:
        return self.interval.half_width

    def reading(self, unit: float) -> Reading:
        found = self.interval
        return Reading(
            found.median * unit,
            Kind.MEASURED,
            Stage.RUNTIME,
            stderr=found.stderr * unit,
            repeats=len(self.sessions),
            note=self.note and f"{self.note}: ±{100 * found.half_width:.1f} %",
        )


def _too_disturbed(path: Path, taken: _Taken, spent: float) -> str:
    waited = statistics.median(session.waited or 0.0 for session in taken.sessions)
    others = [session.others for session in taken.sessions if session.others is not None]
    busy = (
        f", other processes kept {statistics.median(others):.1f} processors busy" if others else ""
    )
    return (
        f"the machine is too disturbed to measure {str(path)!r}: after {spent:.0f} s its latency "
        f"is known to ±{100 * taken.width:.0f} % only; it waited {100 * waited:.0f} % of the time "
        f"for a processor{busy}; end what else runs there, or give it longer with device.seconds"
    )
