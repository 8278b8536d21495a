"""The evaluator as the search sees it: whatever happens, there is a record with one truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tightfit import (
    Candidate,
    Constraint,
    Evaluator,
    Measurement,
    MeasurementError,
    Objective,
    Outcome,
    Record,
    SpecError,
)
from tightfit.search.arguments import check_texts


def lacks_reading(record: Record, metrics: Iterable[str]) -> bool:
    """Return whether an evaluated record lacks a reading of some metrics: it is a failed one."""
    evaluated = record.outcome is Outcome.EVALUATED
    return evaluated and any(metric not in record.measurement for metric in metrics)


class Judge:
    """Evaluates candidates and checks what comes back.

    What an evaluator raises, other than an interrupt or a `SpecError`, becomes a failed record. The
    violations of an evaluated record are computed here from its readings; one that lacks a reading
    which a constraint or an objective needs is a failed record.

    Raises:
        SpecError: Two constraints have the same text.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        constraints: Sequence[Constraint],
        objectives: Sequence[Objective],
        fingerprint: str,
    ) -> None:
        check_texts(constraints)
        self._evaluator = evaluator
        self._constraints = tuple(constraints)
        self._objectives = tuple(objectives)
        self._fingerprint = fingerprint

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a candidate.

        Raises:
            SpecError: The study must change, or the disk is full: the next candidate would fare
                no better.
        """
        try:
            record = self._evaluator.evaluate(candidate, origin, number)
        except SpecError:
            raise
        # One candidate's bad luck, of whatever kind, must not end a search of hours.
        except Exception as error:  # noqa: BLE001
            return self._failed(candidate, origin, f"{type(error).__name__}: {error}")
        if record.candidate != candidate:
            answered = f"the evaluator answered for candidate {record.candidate.key}"
            return self._failed(candidate, origin, answered)
        if record.outcome is Outcome.STOPPED:
            return replace(record, violations=self._violations(record.measurement))
        return self._checked(record) if record.outcome is Outcome.EVALUATED else record

    def _failed(self, candidate: Candidate, origin: str, reason: str) -> Record:
        return Record(
            candidate=candidate,
            outcome=Outcome.FAILED,
            measurement=Measurement(),
            violations={},
            origin=origin,
            fingerprint=self._fingerprint,
            reason=reason,
        )

    def _violations(self, measurement: Measurement) -> dict[str, float]:
        """Return the violations of what was read."""
        return {
            str(each): each.violation(measurement)
            for each in self._constraints
            if each.metric in measurement
        }

    def _checked(self, record: Record) -> Record:
        measurement = record.measurement
        try:
            for objective in self._objectives:
                measurement.value(objective.metric)
            violations = {str(each): each.violation(measurement) for each in self._constraints}
        except MeasurementError as error:
            return replace(record, outcome=Outcome.FAILED, reason=str(error))
        return replace(record, violations=violations)
