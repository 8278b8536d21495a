"""Can the limits of a study be kept? Answered as cheaply as it can be, and no further.

First by arithmetic: a candidate within the static limits, or a proof that there is none. Then by
measuring: what should be fastest is built and measured where a limit needs that. Only then are
candidates trained, until one keeps all limits or the budget is spent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tightfit import Candidate, Record
from tightfit.objectives.artifact.files import write_atomically
from tightfit.search import Progress, Search
from tightfit.search.forecast import Promise
from tightfit.search.minimization import Minimizer
from tightfit.search.proof import judge_limits
from tightfit.search.screening import Screen
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.counting import counted_document, counted_out
from tightfit.studies.decision import Answer, Decision
from tightfit.studies.fastest import Fastest, measure_fastest, must_be_measured
from tightfit.studies.plan import Plan
from tightfit.studies.prediction_error import static_allowance, static_errors
from tightfit.studies.promising import prospect
from tightfit.studies.proof_document import proof_document
from tightfit.studies.references import compressed_as, references
from tightfit.studies.session import RunRequest, Watcher, as_written, make_search, prepared, working
from tightfit.studies.standing import misses, standings
from tightfit.studies.untrained import UntrainedLog
from tightfit.studies.verdict import advice
from tightfit.studies.witness import hand_over

PROXIES = ("macs", "params", "size_kb", "ram_kb")
"""Exact costs whose least candidates should be fast."""

WITHIN = "within the static limits"
"""Origin of the candidate that the proof that there is one gives."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What deciding may take.

    Attributes:
        trials: Candidates that may be trained, those of earlier runs in the same folder included.
        seconds: Wall time; a training that was begun is finished, and none is begun after it.
            ``None`` for no limit.
        began: When, by the clock of :func:`time.perf_counter`.
    """

    trials: int
    seconds: float | None = None
    began: float = field(default_factory=time.perf_counter)

    @property
    def spent(self) -> float:
        """Wall time so far, in seconds."""
        return time.perf_counter() - self.began

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.seconds is not None and self.spent >= self.seconds


def decide(request: RunRequest, watcher: Watcher, budget: Budget) -> Decision:
    """Decide whether a study's limits can be kept.

    Records are kept in the run's folder as a run keeps them: a run there goes on from them, and
    deciding again begins with them.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    with prepared(request, watcher, run=False) as bench:
        question = _Question(bench, watcher, budget)
        answer = (
            question.by_arithmetic()
            or question.by_records()
            or question.by_counting()
            or question.by_measuring()
        )
        if answer is not None:
            return answer
        if budget.over:
            return question.out_of_time()
        prepare(
            bench.assembly, bench.folder, say=watcher.say, progress=watcher.step, space=bench.space
        )
        with working(request, bench, watcher) as worker:
            return question.by_training(make_search(bench, as_written(bench, worker)))


def make_minimizer(bench: Bench) -> Minimizer:
    """Return what minimizes the static metrics of a study's space."""
    names = {*PROXIES, *(limit.metric for limit in bench.constraints)}
    return Minimizer(
        bench.space.search_space,
        bench.costs,
        bench.costs.structures(names),
        allowed=static_allowance,
    )


class _Question:
    """A study's limits, and what is known of them so far."""

    def __init__(self, bench: Bench, watcher: Watcher, budget: Budget) -> None:
        self._bench = bench
        self._watcher = watcher
        self._budget = budget
        self._before = self._trained()
        self._unproven = ""
        self._allowed: Candidate | None = None
        self._fastest: list[Fastest] = []
        self._refuted: set[Candidate] = set()
        self._minimizer = make_minimizer(bench)
        self._screen = Screen(
            bench.space.search_space,
            bench.costs,
            bench.constraints,
            errors=static_errors(bench.constraints),
        )

    def by_arithmetic(self) -> Decision | None:
        """Answer where the static limits cannot be kept, with a proof that the run keeps."""
        self._watcher.say("looking for the least that the space can cost")
        verdict = judge_limits(self._minimizer, self._screen.constraints)
        self._unproven = verdict.why
        self._allowed = verdict.allowed
        path = self._bench.folder.proof
        if verdict.proof is None:
            path.unlink(missing_ok=True)
            return None
        document = proof_document(
            verdict.proof,
            self._bench.space.search_space,
            self._bench.assembly.metrics,
            UntrainedLog(self._bench),
        )
        return self._impossible("no candidate of the space can", document)

    def by_counting(self) -> Decision | None:
        """Answer where the file of every candidate was counted and breaks a limit."""
        bench = self._bench
        space = bench.space.search_space
        records = bench.folder.results().records
        found = counted_out(space, self._screen, bench.constraints, records)
        if found is None:
            return None
        document = counted_document(found, space, bench.assembly.metrics)
        return self._impossible("every candidate's file was counted, and none can", document)

    def _impossible(self, why: str, document: dict[str, Any]) -> Decision:
        path = self._bench.folder.proof
        write_atomically(path, json.dumps(document, indent=1).encode())
        message = f"{why}: {path} has the proof"
        return self._decision(Answer.IMPOSSIBLE, message, proof=document)

    def by_records(self) -> Decision | None:
        """Answer where a record keeps all limits, and so does its file when it is exported.

        What a refuted member beats is tried after it: the front is that of the others.
        """
        bench = self._bench
        results = bench.folder.results()
        lost = {each.candidate for each in results.records if not self._has_file(each)}
        while True:
            without = self._refuted | lost
            front = (each for each in standings(results, without=without) if each.member)
            standing = next(front, None)
            if standing is None or standing.trial is None:
                return None
            self._watcher.say(f"exporting {standing.name} and measuring it again")
            witness = hand_over(
                bench.folder,
                standing.trial,
                assembly=bench.assembly,
                to=bench.folder.witness,
                without=without,
            )
            if witness.verified:
                message = f"{standing.name} keeps all limits, and so does its exported file"
                return self._decision(Answer.YES, message, witness=witness)
            self._refuted.add(standing.record.candidate)

    def _has_file(self, record: Record) -> bool:
        bench = self._bench
        return (bench.folder.candidate(record.candidate) / bench.assembly.file).is_file()

    def by_measuring(self) -> Decision | None:
        """Answer where even the fastest candidates miss a limit that must be measured."""
        limits = must_be_measured(self._bench)
        if not limits:
            return None
        starts = [self._minimizer.least(name, self._screen.constraints) for name in PROXIES]
        for limit in limits:
            found = measure_fastest(
                self._bench,
                limit,
                screen=self._screen,
                starts=[each.candidate for each in starts if each.candidate is not None],
                records=self._bench.folder.results().records,
                watcher=self._watcher,
            )
            if found is None:
                continue
            self._fastest.append(found)
            if found.unreachable:
                message = (
                    f"{limit} is missed by all of the {len(found.readings)} candidates that were "
                    "measured because they should be fastest; that is no proof"
                )
                return self._decision(Answer.UNREACHABLE, message)
        return None

    def by_training(self, search: Search) -> Decision:
        """Train candidates until one keeps all limits, or the budget is spent."""
        bench, plan = self._bench, Plan.read(self._bench.folder.plan)

        def on_record(record: Record, progress: Progress) -> None:
            self._watcher.record(record, progress)
            bench.folder.keep_front_files(search.records, plan, without=self._refuted)

        def enough(record: Record, _progress: Progress) -> bool:
            untried = record.candidate not in self._refuted and self._has_file(record)
            return (record.feasible and untried) or self._budget.over

        first = references(bench)
        if self._allowed is not None:
            first.append((WITHIN, compressed_as(bench, self._allowed)))
        while not self._budget.over:
            outcome = search.run(
                trials=self._budget.trials,
                references=first,
                on_record=on_record,
                enough=enough,
            )
            before = len(self._refuted)
            answer = self.by_records() or self.by_counting()
            if answer is not None:
                return answer
            if len(self._refuted) == before and not self._budget.over:
                return self._not_found(outcome.message)
        return self.out_of_time()

    def out_of_time(self) -> Decision:
        """Answer with what the records say where the time is up."""
        return self._not_found("the time is up")

    def _not_found(self, message: str) -> Decision:
        results = self._bench.folder.results()
        kept = {each.candidate for each in results.records if each.feasible}
        refuted = len(kept & self._refuted)
        removed = len(kept - self._refuted)
        if refuted:
            message += f"; {refuted} keep all limits by their records, and their files do not"
        if removed:
            message += f"; of {removed} that keep all limits the run has no file any longer"
        near = misses(standings(results), 1)
        promise, unpredicted = self._expected(results.records)
        return self._decision(
            Answer.NOT_FOUND,
            message,
            miss=near[0] if near else None,
            advice=advice(results, near[0]) if near else "",
            promise=promise,
            unpredicted=unpredicted,
        )

    def _expected(self, records: Sequence[Record]) -> tuple[Promise | None, str]:
        """Return what more trainings promise, or why nothing can be said of them."""
        bench = self._bench
        found = prospect(bench.assembly, bench.space, bench.costs, bench.constraints, records)
        return found.promise(max(1, self._budget.trials)), found.unpredicted

    def _trained(self) -> int:
        return sum(record.trained for record in self._bench.folder.results().records)

    def _decision(self, answer: Answer, message: str, **more: Any) -> Decision:
        return Decision(
            answer=answer,
            name=self._bench.assembly.study.name,
            limits=self._bench.constraints,
            message=message,
            seconds=self._budget.spent,
            trained=self._trained() - self._before,
            trained_before=self._before,
            unproven=self._unproven,
            fastest=tuple(self._fastest),
            **more,
        )
