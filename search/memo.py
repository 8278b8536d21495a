"""An evaluator that remembers, for searches over one problem that run one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tightfit import Candidate, Evaluator, Outcome, Record


class Memo:
    """Evaluates a candidate once, whoever proposes it.

    A record that is given again has the seconds that it took, so that no search is the faster for
    coming later. A failure is not remembered: it may have been bad luck.

    Args:
        evaluator: Asked for what is not known.
        known: Records of earlier searches.
    """

    def __init__(self, evaluator: Evaluator, known: Iterable[Record] = ()) -> None:
        self._evaluator = evaluator
        self._known: dict[Candidate, Record] = {}
        for record in known:
            self._remember(record)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the candidate's record, under the origin of who asks."""
        known = self._known.get(candidate)
        if known is not None:
            return replace(known, origin=origin)
        record = self._evaluator.evaluate(candidate, origin, number)
        self._remember(record)
        return record

    def _remember(self, record: Record) -> None:
        # A copy of a record within its own search counts for no training and takes no time.
        if record.outcome is Outcome.EVALUATED and record.trained:
            self._known.setdefault(record.candidate, record)
