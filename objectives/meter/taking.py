"""Sessions taken until what they say together is known well enough, or the time is up.

Now and then something else takes the processor: a session whose threads had to wait for it is set
aside and repeated, as long as there is time. What only a disturbed machine has said is told with a
note, or refused where it is too uncertain.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from tightfit.conditions import Conditions
from tightfit.errors import MeasurementError, SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.meter.facts import Session
from tightfit.objectives.meter.interval import FEWEST, Interval
from tightfit.reading import Reading

SESSION_S = 0.17
"""Seconds of timed runs in one session, loading not counted; six sessions take about a second."""
CALM = 0.05
"""Share of the time that a session's threads may wait for a processor and count as undisturbed."""
PATIENCE = 10
"""Times ``seconds`` that a disturbed machine is given to become quiet."""
DISTURBED = "the machine was disturbed"
"""How the note of a reading begins that was taken so."""
CLOCK_CHANGE = 0.1
"""Share of the highest clock by which it may change from session to session without a note."""
_LONGEST_PAUSE_S = 0.4

Statistic: TypeAlias = Callable[[Sequence[Session]], Interval]
"""What some sessions say together."""


class Sessions(Protocol):
    """What times files beside each other; :class:`tightfit.objectives.meter.device.Device` does."""

    def session(self, paths: Sequence[Path], seconds: float, *, runs: int = 0) -> Session:
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


class Taken:
    """Sessions that were taken, and what they say together."""

    def __init__(self, statistic: Statistic, *, note: str = "") -> None:
        self._statistic = statistic
        self.note = note
        self.sessions: list[Session] = []
        self.interval = Interval(0.0, 0.0, 0.0)

    def add(self, session: Session) -> None:
        """Take another one in."""
        self.sessions.append(session)
        if self.enough:
            self.interval = self._statistic(self.sessions)

    @property
    def enough(self) -> bool:
        """Whether they are as many as an interval needs."""
        return len(self.sessions) >= FEWEST

    @property
    def width(self) -> float:
        """Half of their interval, as a share, once they are enough."""
        return self.interval.half_width

    def reading(self, unit: float) -> Reading:
        """Return what they say, in so large a unit."""
        found = self.interval
        wide = self.note and f"{self.note}: ±{100 * found.half_width:.1f} %"
        return Reading(
            found.median * unit,
            Kind.MEASURED,
            Stage.RUNTIME,
            stderr=found.stderr(len(self.sessions)) * unit,
            repeats=len(self.sessions),
            note="; ".join(filter(None, (wide, _clock_note(self.sessions)))),
            conditions=_conditions(self.sessions),
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a machine.

    Attributes:
        paths: Files that are timed beside each other, the one that is meant first.
        statistic: What sessions say together.
        too_wide: Half of an interval, as a share, beyond which a disturbed machine has not measured
            anything; infinite where anything that it says is better than nothing.
        runs: Single runs of each file that a session must tell.
    """

    paths: Sequence[Path]
    statistic: Statistic
    too_wide: float
    runs: int = 0


def take(device: Sessions, question: Question, precision: Precision) -> Taken:
    """Take sessions until what they say is known well enough, or the time is up.

    Raises:
        MeasurementError: A file could not be loaded or run, or the machine is too disturbed.
    """
    quiet = Taken(question.statistic)
    everything = Taken(question.statistic, note=DISTURBED)
    wanted, started = precision.interval, time.monotonic()
    pause = 0.05
    while True:
        session = device.session(question.paths, SESSION_S, runs=question.runs)
        everything.add(session)
        calm = session.waited is None or session.waited <= CALM
        if calm:
            quiet.add(session)
        spent = time.monotonic() - started
        late = spent > precision.seconds
        if quiet.enough and (late or quiet.width <= wanted):
            late_note = f"the time was up after {spent:.1f} s"
            quiet.note = late_note if quiet.width > wanted else ""
            return quiet
        allowed = max(wanted, question.too_wide) if late else wanted
        if everything.enough and everything.width <= allowed:
            return everything
        if everything.enough and spent > PATIENCE * precision.seconds:
            raise MeasurementError(_too_disturbed(question.paths[0], everything, spent))
        if not calm:
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)


def _conditions(sessions: Sequence[Session]) -> Conditions:
    clocks = [each.clock_mhz for each in sessions if each.clock_mhz is not None]
    heat = [each.temperature_c for each in sessions if each.temperature_c is not None]
    return Conditions(statistics.median(clocks) if clocks else None, max(heat, default=None))


def _clock_note(sessions: Sequence[Session]) -> str:
    clocks = [each.clock_mhz for each in sessions if each.clock_mhz is not None]
    if not clocks or max(clocks) - min(clocks) <= CLOCK_CHANGE * max(clocks):
        return ""
    return f"the clock changed between {min(clocks):,.0f} and {max(clocks):,.0f} MHz"


def _too_disturbed(path: Path, taken: Taken, spent: float) -> str:
    waited = statistics.median(session.waited or 0.0 for session in taken.sessions)
    others = [session.others for session in taken.sessions if session.others is not None]
    busy = (
        f", other processes kept {statistics.median(others):.1f} processors busy" if others else ""
    )
    return (
        f"the machine is too disturbed to measure {str(path)!r}: after {spent:.0f} s its latency "
        f"is known to ±{100 * taken.width:.0f} % only; it waited {100 * waited:.0f} % of the time "
        f"for a processor{busy}; end what else runs there, or begin a run with more device.seconds"
    )
