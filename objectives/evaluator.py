"""From a candidate to its record: the stages in order, cheapest first.

The static stage computes, the runtime stage builds the file and measures it, the learned stage
trains, writes the same file again and scores it. The first stage that finds a hard limit broken is
the last: nothing is trained that breaks a limit which is already known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from tightfit import (
    Candidate,
    CandidateError,
    Constraint,
    GoOn,
    Measurement,
    MeasurementError,
    Outcome,
    Reading,
    Record,
    Rung,
    Stage,
    Start,
)
from tightfit.objectives.memory_errors import is_out_of_memory
from tightfit.objectives.pauses import EndedEarly


class Work(Protocol):
    """One candidate on its way through the stages; made by a :class:`Workshop`."""

    def build(self) -> Mapping[str, Reading]:
        """Build the network, calibrate it, write its file; return what the file tells."""
        ...

    def measure(self) -> Mapping[str, Reading]:
        """Run the file in its runtime; return what that tells."""
        ...

    def inherit(self, candidate: Candidate, donors: Sequence[Candidate]) -> Start | None:
        """Begin with the weights of the first donor that has any, where they answer better."""
        ...

    def train(self, progress: Progress, rungs: Rungs) -> None:
        """Fine-tune the network.

        Raises:
            EndedEarly: A rung has ended it.
        """
        ...

    def score(self) -> Mapping[str, Reading]:
        """Write the file again with the trained weights; return its quality."""
        ...

    def discard(self) -> None:
        """Remove what was written."""
        ...


class Workshop(Protocol):
    """Supplies the readings; the evaluator only decides how far a candidate goes."""

    def static(self, candidate: Candidate) -> Mapping[str, Reading]:
        """Return the readings of the static stage."""
        ...

    def begin(self, candidate: Candidate, number: int) -> Work:
        """Return the work on one candidate; ``number`` seeds everything random."""
        ...


Progress = Callable[[int, int, float], None]
"""Called with steps done, steps in all, and the loss."""


Reached = Callable[[float, Mapping[str, Reading]], None]
"""Told the share of the steps that is done, and what was read then; may raise `EndedEarly`."""


def _nobody(_share: float, _readings: Mapping[str, Reading]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rungs:
    """Where a training is read on its way.

    Attributes:
        shares: Of its steps.
        reached: Told what was read.
    """

    shares: tuple[float, ...] = ()
    reached: Reached = _nobody


def _no_progress(_done: int, _total: int, _loss: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class StagedEvaluator:
    """Runs the stages of one candidate after another.

    Attributes:
        workshop: Supplies the readings of each stage.
        constraints: Hard limits; each is checked as soon as its metric is read.
        errors: Of metrics whose early reading is a prediction, as a share of it. A prediction
            breaks a limit only beyond it.
        fingerprint: Digest of everything that readings depend on.
        progress: Told about the training's steps.
        rungs: Shares of a training's steps at which it may end, where somebody decides that.
        donors: Candidates whose weights a training may begin with, nearest first.
    """

    workshop: Workshop
    constraints: Sequence[Constraint]
    errors: Mapping[str, float]
    fingerprint: str
    progress: Progress = field(default=_no_progress)
    rungs: tuple[float, ...] = ()
    donors: tuple[Candidate, ...] = ()

    def starting_from(self, donors: Sequence[Candidate]) -> StagedEvaluator:
        """Return the same for candidates that may inherit. See `tightfit.InheritingEvaluator`."""
        return replace(self, donors=tuple(donors))

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Take a candidate as far as its limits allow. See :class:`tightfit.Evaluator`."""
        return self._evaluate(candidate, origin, number, None)

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        """Take a candidate as far as that, and ask at rungs. See `tightfit.RungEvaluator`."""
        return self._evaluate(candidate, origin, number, go_on)

    def _evaluate(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn | None
    ) -> Record:
        log = _Log(candidate, origin, self.fingerprint)
        try:
            log.add(self.workshop.static(candidate))
            broken = self._broken(log.measurement)
            if broken is None:
                broken = self._work(self.workshop.begin(candidate, number), log, go_on)
        except EndedEarly as ended:
            return log.record(Outcome.STOPPED, str(ended), self._violations(log.measurement))
        except (CandidateError, MeasurementError) as error:
            return log.record(Outcome.FAILED, str(error), self._violations(log.measurement))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            reason = f"out of memory: {error}"
            return log.record(Outcome.FAILED, reason, self._violations(log.measurement))
        if broken is not None:
            return log.screened(broken, self._violations(log.measurement))
        return log.record(Outcome.EVALUATED, "", self._violations(log.measurement))

    def _work(self, work: Work, log: _Log, go_on: GoOn | None) -> Constraint | None:
        """Do the stages that cost time; return the limit that stopped them before training."""
        for phase, read in (("build", work.build), ("measure", work.measure)):
            with log.clock(phase):
                log.add(read())
            broken = self._broken(log.measurement)
            if broken is not None:
                work.discard()
                return broken
        if self.donors:
            with log.clock("inherit"):
                log.start = work.inherit(log.candidate, self.donors)
        log.trained = True
        rungs = Rungs() if go_on is None else Rungs(self.rungs, log.asking(go_on))
        try:
            with log.clock("train"):
                work.train(self.progress, rungs)
        except EndedEarly:
            work.discard()
            raise
        with log.clock("evaluate"):
            log.add(work.score())
        return None

    def _broken(self, measurement: Measurement) -> Constraint | None:
        """Return the constraint that is broken most, beyond the error of a prediction."""
        worst, found = 0.0, None
        for constraint in self.constraints:
            if constraint.metric not in measurement:
                continue
            reading = measurement[constraint.metric]
            violation = constraint.violation(measurement)
            if reading.stage is Stage.STATIC:
                error = self.errors.get(constraint.metric, 0.0)
                violation = constraint.excess(constraint.hopeful(reading.value, error))
            if violation > worst:
                worst, found = violation, constraint
        return found

    def _violations(self, measurement: Measurement) -> dict[str, float]:
        return {
            str(constraint): constraint.violation(measurement)
            for constraint in self.constraints
            if constraint.metric in measurement
        }


class _Log:
    """What is known of one candidate so far."""

    def __init__(self, candidate: Candidate, origin: str, fingerprint: str) -> None:
        self.candidate = candidate
        self.origin = origin
        self.fingerprint = fingerprint
        self.measurement = Measurement()
        self.seconds: dict[str, float] = {}
        self.trained = False
        self.rungs: list[Rung] = []
        self.start: Start | None = None

    def asking(self, go_on: GoOn) -> Reached:
        """Return what keeps a rung and ends the training where it shall not go on."""

        def reached(share: float, readings: Mapping[str, Reading]) -> None:
            rung = Rung(share, self.measurement.updated(readings))
            self.rungs.append(rung)
            if not go_on(rung):
                raise EndedEarly(f"stopped after {share:.0%} of its training")

        return reached

    def add(self, readings: Mapping[str, Reading]) -> None:
        self.measurement = self.measurement.updated(readings)

    @contextmanager
    def clock(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = time.perf_counter() - started

    def screened(self, constraint: Constraint, violations: Mapping[str, float]) -> Record:
        return self.record(Outcome.SCREENED, str(constraint), violations)

    def record(self, outcome: Outcome, reason: str, violations: Mapping[str, float]) -> Record:
        return Record(
            candidate=self.candidate,
            outcome=outcome,
            measurement=self.measurement,
            violations=violations,
            origin=self.origin,
            fingerprint=self.fingerprint,
            reason=reason,
            seconds=self.seconds,
            trained=self.trained,
            rungs=tuple(self.rungs),
            start=self.start,
        )
