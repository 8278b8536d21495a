"""One run of a search: the way of a proposal to a kept record, and the time that it takes."""

from __future__ import annotations

import time
from dataclasses import replace

from tightfit import Candidate, Evaluator, Outcome, Record
from tightfit.search.front import pareto_front
from tightfit.search.history import SETTLED, History
from tightfit.search.ledger import Entry, Ledger
from tightfit.search.progress import Enough, OnRecord, Progress, SearchOutcome, Stopped
from tightfit.search.samplers import Proposal
from tightfit.search.stopping import Stopping


class Run:
    """Evaluates proposals, keeps their records and counts.

    Attributes:
        trained: Records that reached training, those of earlier runs included.
        enough: Whether the search has what it was run for.
    """

    def __init__(
        self,
        *,
        history: History,
        ledger: Ledger,
        evaluator: Evaluator,
        stopping: Stopping,
        on_record: OnRecord | None,
        enough: Enough | None = None,
    ) -> None:
        self._history = history
        self._ledger = ledger
        self._evaluator = evaluator
        self._stopping = stopping
        self._on_record = on_record
        self._enough = enough
        self.enough = False
        self._started = self._resumed = time.perf_counter()
        self._evaluating = 0.0
        self._before = sum(entry.seconds for entry in ledger.entries)
        self.trained = sum(entry.record.trained for entry in ledger.entries)

    @property
    def number(self) -> int:
        """The number of the next trial."""
        return len(self._ledger.entries)

    @property
    def end(self) -> tuple[Stopped, str] | None:
        """Why the search ends here, and the same for people; ``None`` while it goes on."""
        if self.enough:
            return Stopped.ENOUGH, "it has what it was run for"
        seconds = self._before + time.perf_counter() - self._started
        entries = self._ledger.entries
        return self._stopping.reached(entries, trained=self.trained, seconds=seconds)

    def has(self, origin: str, candidate: Candidate) -> bool:
        """Whether the candidate has a record of that origin."""
        return any(
            entry.record.origin == origin and entry.record.candidate == candidate
            for entry in self._ledger.entries
        )

    def finish(self, proposal: Proposal, gain: float | None = None) -> None:
        """Evaluate a proposal, or copy the record it has, and keep the outcome.

        A copy has neither seconds nor training of its own, so that it counts for nothing. What was
        stopped in its training, or failed, is evaluated again: references are trained whole.

        Args:
            proposal: The candidate.
            gain: What could be expected of a training, to be kept with it.
        """
        candidate = Candidate(proposal.row)
        began = time.perf_counter()
        known = self._history.seen.get(proposal.row)
        if known is not None and known.outcome in SETTLED:
            record = replace(known, origin=proposal.origin, trained=False, seconds={})
        else:
            record = self._evaluator.evaluate(candidate, proposal.origin, self.number)
        ended = time.perf_counter()
        if record.outcome is Outcome.FAILED and not record.seconds:
            # Nobody was left to say how long it took.
            record = replace(record, seconds={"failed": ended - began})
        entry = Entry(
            record=record,
            draws=proposal.draws,
            refused=proposal.refused,
            overhead_seconds=began - self._resumed,
            gain=gain,
        )
        self._ledger.add(entry)
        self._history.add(entry)
        self._evaluating += ended - began
        self._resumed = ended
        self.trained += record.trained
        if self._on_record is not None:
            self._on_record(record, self._progress())
        if self._enough is not None:
            self.enough = self._enough(record, self._progress())

    def outcome(self, stopped: Stopped, message: str) -> SearchOutcome:
        """Return what the run came to, if it stopped now."""
        seconds = time.perf_counter() - self._started
        return SearchOutcome(
            records=tuple(entry.record for entry in self._ledger.entries),
            stopped=stopped,
            message=message,
            seconds=seconds,
            overhead_seconds=seconds - self._evaluating,
        )

    def _progress(self) -> Progress:
        records = [entry.record for entry in self._history.entries]
        seconds = time.perf_counter() - self._started
        return Progress(
            trained=self.trained,
            trials=self._stopping.trials,
            screened=sum(record.outcome is Outcome.SCREENED for record in records),
            failed=sum(record.outcome is Outcome.FAILED for record in records),
            best=self._best(records),
            seconds=seconds,
            overhead_seconds=seconds - self._evaluating,
            stopped=sum(record.outcome is Outcome.STOPPED for record in records),
        )

    def _best(self, records: list[Record]) -> Record | None:
        members = pareto_front(records, self._history.objectives).members
        return members[0] if members else None
