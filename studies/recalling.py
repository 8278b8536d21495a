"""Records that answer for a candidate under other limits than they were made under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tightfit import Candidate, Constraint, Evaluator, Outcome, Record
from tightfit.studies.whatif import NO_LONGER, UNREAD, judged_anew


class Recalling:
    """An :class:`tightfit.Evaluator` that evaluates nothing which a record settles.

    Attributes:
        known: By candidate; evaluated ones before others. New ones are added.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.known: dict[Candidate, Record] = {}
        for record in records:
            self.add(record)

    def under(self, limits: Sequence[Constraint], evaluator: Evaluator) -> Evaluator:
        """Return what answers under some limits, and asks an evaluator where nothing is known."""
        return _Under(self, tuple(limits), evaluator)

    def judged(self, limits: Sequence[Constraint]) -> list[Record]:
        """Return the evaluated records as they stand under some limits."""
        evaluated = [each for each in self.known.values() if each.outcome is Outcome.EVALUATED]
        return [judged_anew(each, limits) for each in evaluated]

    def recall(self, candidate: Candidate, limits: Sequence[Constraint]) -> Record | None:
        """Return a candidate's record under some limits; ``None`` where it must be evaluated."""
        record = self.known.get(candidate)
        if record is None or record.outcome is Outcome.FAILED:
            return None
        judged = judged_anew(record, limits)
        if judged.reason in (NO_LONGER, UNREAD) or judged.outcome is Outcome.STOPPED:
            return None
        return judged

    def add(self, record: Record) -> None:
        """Learn a record."""
        before = self.known.get(record.candidate)
        if before is None or before.outcome is not Outcome.EVALUATED:
            self.known[record.candidate] = record


class _Under:
    def __init__(
        self, records: Recalling, limits: tuple[Constraint, ...], evaluator: Evaluator
    ) -> None:
        self._records = records
        self._limits = limits
        self._evaluator = evaluator

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Recall a record, at no cost, or evaluate the candidate."""
        known = self._records.recall(candidate, self._limits)
        if known is not None:
            return replace(known, origin=origin, trained=False, seconds={})
        record = self._evaluator.evaluate(candidate, origin, number)
        self._records.add(record)
        return record
