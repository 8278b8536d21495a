"""Runs a search: proposes, has candidates evaluated, keeps their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from optuna.storages import BaseStorage

from tightfit import (
    Candidate,
    Constraint,
    CostModel,
    Evaluator,
    FloatArray,
    Objective,
    Record,
    SearchSpace,
    SpecError,
)
from tightfit.search.exhaustion import explain, failures_in_a_row, untrained_in_a_row
from tightfit.search.grey_box import GreyBox
from tightfit.search.history import History
from tightfit.search.judge import Judge
from tightfit.search.ledger import Entry, Json, Ledger
from tightfit.search.patience import ExpectedGain
from tightfit.search.progress import Enough, OnRecord, SearchOutcome, Stopped
from tightfit.search.region import GIVE_UP, Region
from tightfit.search.run import Run
from tightfit.search.samplers import Proposal, make_sampler
from tightfit.search.samplers.greybox import GreySampler
from tightfit.search.screening import Screen
from tightfit.search.signature import check_signature, signature
from tightfit.search.stopping import Stopping

FAILURES = 20
"""Failed candidates in a row after which a run of the search stops."""

Reference: TypeAlias = tuple[str, Candidate]
"""An origin and the candidate to evaluate under it."""


class Search:
    """A search over one space, kept in a storage and resumable at any record.

    A proposal follows from the study's seed, the trial's number and the finished records, so that a
    search which was killed proposes what it would have proposed without that.

    Args:
        space: The hparams.
        costs: Static metrics of batches of candidates.
        constraints: Hard limits, static and other.
        objectives: What the front trades off, 1 to 3.
        evaluator: Turns candidates into records.
        storage: Of :func:`tightfit.search.open_storage`.
        name: Of the study in the storage.
        fingerprint: Digest of all that readings depend on.
        static_errors: Relative errors of those static metrics that are predictions.
        sampler: One of ``SAMPLER_NAMES``.
        damage: By hparam what each of its choices is believed to damage, ``[choices]``, or empty
            where nothing is known; for samplers that take beliefs.
        corner: The objective values from which on a front is of worth: the hypervolume's reference
            point, for samplers that look at one.
        seed: Of everything random in the search.

    Raises:
        SpecError: The study in the storage was made with another space, constraints, objectives,
            sampler, seed or fingerprint; the message lists the differences.
    """

    def __init__(
        self,
        *,
        space: SearchSpace,
        costs: CostModel,
        constraints: Sequence[Constraint],
        objectives: Sequence[Objective],
        evaluator: Evaluator,
        storage: BaseStorage,
        name: str,
        fingerprint: str,
        static_errors: Mapping[str, float] | None = None,
        sampler: str = "auto",
        damage: Sequence[FloatArray] | None = None,
        corner: Sequence[float] | None = None,
        seed: int = 0,
    ) -> None:
        if not 1 <= len(objectives) <= 3:
            raise SpecError(f"a search takes 1 to 3 objectives, got {len(objectives)}")
        self.space = space
        self.constraints = tuple(constraints)
        self.objectives = tuple(objectives)
        self._judge = Judge(
            evaluator,
            constraints=self.constraints,
            objectives=self.objectives,
            fingerprint=fingerprint,
        )
        self._seed = seed
        self._screen = Screen(space, costs, self.constraints, errors=static_errors or {})
        self._region = Region.survey(space, self._screen)
        self._sampler = make_sampler(
            sampler,
            self._region,
            objectives=self.objectives,
            constraints=self.constraints,
            damage=damage,
            corner=corner,
            seed=seed,
        )
        self._make_model = partial(
            GreyBox,
            self._region,
            self.objectives,
            self.constraints,
            damage=damage,
            corner=corner,
        )
        self._ledger = Ledger(
            storage,
            name,
            space=space,
            objectives=self.objectives,
            constraints=self.constraints,
        )
        check_signature(
            self._ledger,
            signature(
                space,
                self.constraints,
                self.objectives,
                sampler=sampler,
                seed=seed,
                fingerprint=fingerprint,
            ),
            name,
        )

    @property
    def records(self) -> tuple[Record, ...]:
        """Everything evaluated so far, in trial order, over all resumes."""
        return tuple(entry.record for entry in self._ledger.entries)

    @property
    def references(self) -> tuple[Record, ...]:
        """Records of networks that are not in the space, as they were added."""
        return self._ledger.references

    @property
    def feasible_share(self) -> float:
        """Which share of uniformly drawn candidates keeps the static limits."""
        return self._region.share

    @property
    def seconds(self) -> FloatArray:
        """Wall time from the search's beginning to the end of each record, ``[records]``.

        The time in which nothing ran, between an interruption and the next resume, is not in it.
        """
        total: FloatArray = np.cumsum([entry.seconds for entry in self._ledger.entries])
        return total

    @property
    def overhead_seconds(self) -> float:
        """Time between evaluations, over all resumes, as it was kept with the records."""
        return sum(entry.overhead_seconds for entry in self._ledger.entries)

    def add_reference(self, record: Record) -> None:
        """Keep the record of a network that is not in the space, to compare with."""
        self._ledger.add_reference(record)

    def add(self, record: Record) -> None:
        """Keep a record of the space that was made elsewhere, judged under these limits."""
        self._ledger.add(Entry(record))

    def get(self, name: str) -> Json:
        """Return a value kept with the study, ``None`` when it was never set."""
        return self._ledger.get(name)

    def set(self, name: str, value: Json) -> None:
        """Keep a JSON value with the study."""
        self._ledger.set(name, value)

    def run(
        self,
        *,
        trials: int,
        seconds: float | None = None,
        patience: int | None = None,
        references: Sequence[Reference] = (),
        on_record: OnRecord | None = None,
        enough: Enough | None = None,
    ) -> SearchOutcome:
        """Search until ``trials`` candidates reached training, those of earlier runs included.

        An interrupt leaves at once; the candidate that was being evaluated is evaluated again by
        the next run, everything else is kept.

        Args:
            trials: How many candidates shall reach training.
            seconds: Wall time of the search over all its runs; what was begun is finished.
            patience: The search ends when so many times in a row next to nothing was to be expected
                of a training. See :mod:`tightfit.search.patience`.
            references: Candidates to evaluate before any proposal, each under its origin. One that
                was evaluated before is not evaluated again: its record is copied.
            on_record: Called after each record that was kept.
            enough: Asked after each record; where it says so the search ends before its trials.

        Raises:
            SpecError: ``trials``, ``seconds`` or ``patience`` is too small.
            StorageError: The storage cannot be written.
        """
        history = self._history()
        run = Run(
            history=history,
            ledger=self._ledger,
            evaluator=self._judge,
            stopping=Stopping(trials, seconds, patience),
            on_record=on_record,
            enough=enough,
        )
        begun = run.number
        for origin, candidate in references:
            if run.end is not None:
                break
            if not run.has(origin, candidate):
                run.finish(Proposal(candidate.indices, origin, draws=0))
        expected = None if patience is None else self._expected_gain()
        while (end := run.end) is None:
            if failures_in_a_row(history, since=begun) >= FAILURES:
                reason = history.entries[-1].record.reason
                message = f"{FAILURES} candidates in a row failed, the last: {reason}"
                return run.outcome(Stopped.FAILING, message)
            proposal = None
            if untrained_in_a_row(history) < GIVE_UP:
                rng = np.random.default_rng([self._seed, run.number])
                proposal = self._sampler.propose(history, rng)
            if proposal is None:
                return run.outcome(Stopped.EXHAUSTED, explain(self._region, history))
            gain = None if expected is None else expected(proposal, history)
            run.finish(proposal, gain)
        return run.outcome(*end)

    def evaluate(
        self, references: Sequence[Reference], *, on_record: OnRecord | None = None
    ) -> None:
        """Evaluate candidates, each under its origin, and propose nothing.

        One that was evaluated before is not evaluated again.

        Raises:
            StorageError: The storage cannot be written.
        """
        run = Run(
            history=self._history(),
            ledger=self._ledger,
            evaluator=self._judge,
            stopping=Stopping(max(1, len(references))),
            on_record=on_record,
        )
        for origin, candidate in references:
            if not run.has(origin, candidate):
                run.finish(Proposal(candidate.indices, origin, draws=0))

    def _expected_gain(self) -> ExpectedGain:
        known = self._sampler.model if isinstance(self._sampler, GreySampler) else None
        return ExpectedGain(self.space, known or self._make_model())

    def _history(self) -> History:
        """Return what samplers learn from: all records that are kept."""
        history = History(
            self.space, self._screen, objectives=self.objectives, constraints=self.constraints
        )
        self._ledger.reload()
        for entry in self._ledger.entries:
            history.add(entry)
        return history
