"""Tightens one limit as far as the others allow: the decision problem, asked again and again.

The bounds that are asked for halve the bracket between what a witness keeps and what is proven, or
was not found. Every record answers for every bound, so that nothing is trained twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    Metric,
    Outcome,
    Record,
    Sense,
)
from tightfit.search import Progress, Search, open_storage
from tightfit.search.ledger import every_record
from tightfit.search.minimization import Minimizer
from tightfit.studies import wording
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.bracket import Bracket, Step, next_bound, still_tried
from tightfit.studies.deciding import Budget
from tightfit.studies.plan import Plan
from tightfit.studies.prediction_error import certain, static_allowance
from tightfit.studies.recalling import Recalling
from tightfit.studies.references import references
from tightfit.studies.session import (
    RunRequest,
    Watcher,
    inheriting,
    make_search,
    prepared,
    working,
)
from tightfit.studies.standing import TIGHTENED
from tightfit.studies.unread import check_read
from tightfit.studies.whatif import judged_anew

RECALLED = "recalled"
"""Origin, under a bound, of what has a record already."""

MOST_UNTRAINED = 20
"""Candidates in a row that are built for one bound, and that it stops before their training."""


@dataclass(frozen=True, slots=True)
class Fineness:
    """How far a limit is tightened.

    Attributes:
        step: Candidates that may be trained for one bound.
        width: Of the bracket at which it ends, as a share of what is reached.
    """

    step: int = 4
    width: float = 0.02


def tighten(
    request: RunRequest, metric: str, watcher: Watcher, *, budget: Budget, fineness: Fineness
) -> Bracket:
    """Find the tightest bound on a metric that a study's other limits allow.

    What is trained is added to the run, also when it is interrupted: its records are those of a run
    there as well.

    Args:
        request: The study and the run's folder.
        metric: With or without a limit in the study.
        watcher: Told what is done.
        budget: In trainings of this call, and wall time.
        fineness: Of the bracket.

    Raises:
        SpecError: The study cannot be run as written or does not read the metric, or there is none.
        StorageError: The disk is full; what was finished is kept.
    """
    check_read(metric, request.study)
    with prepared(request, watcher, run=False) as bench:
        work = _Tightening(request, bench, bench.assembly.metrics[metric], watcher)
        work.prove()
        try:
            if not work.conflict:
                work.close(budget, fineness)
        finally:
            work.keep()
        return work.bracket(budget)


class _Tightening:
    def __init__(self, request: RunRequest, bench: Bench, metric: Metric, watcher: Watcher) -> None:
        self._request, self._bench, self._watcher = request, bench, watcher
        self._metric = metric
        limited = [each.sense for each in bench.constraints if each.metric == metric.name]
        usual = Sense.AT_MOST if metric.direction is Direction.MINIMIZE else Sense.AT_LEAST
        self._sense = limited[0] if limited else usual
        self._others = tuple(each for each in bench.constraints if each.metric != metric.name)
        self._records = Recalling(self._recorded())
        self._known = self._reached()
        self._proven: float | None = None
        self._under: tuple[Constraint, ...] = ()
        self._not_found: list[float] = []
        self._steps: list[Step] = []
        self._why = self._message = ""
        self.conflict = False

    def prove(self) -> None:
        """Find what no candidate can pass under the other limits that are static."""
        space, costs = self._bench.space.search_space, self._bench.costs
        name = self._metric.name
        if name not in costs.names:
            if wording.is_share(self._metric) and self._sense is Sense.AT_LEAST:
                self._proven = 1.0  # Whatever the other limits.
            else:
                self._why = f"{name} is not known before a candidate is built"
            return
        self._watcher.say(f"looking for the best {name} that the space can reach")
        others = tuple(each for each in self._others if each.metric in costs.names)
        structures = costs.structures({name, *(each.metric for each in others)})
        minimizer = Minimizer(space, costs, structures, allowed=static_allowance)
        found = minimizer.least(name, others, sense=self._sense)
        self._why = found.why
        self._under = others if found.proven else ()
        self.conflict = found.impossible
        if found.impossible:
            self._message = "the other limits conflict"
        elif found.proven:
            self._proven = certain(name, found.bound, self._sense)

    def close(self, budget: Budget, fineness: Fineness) -> None:
        """Ask for one bound after the other until the bracket is narrow or the budget spent."""
        if self._known is None and not budget.over:
            self._ask(None, budget.trials, budget)
        self._message = (
            "the budget is spent" if budget.over else "there is no witness to start from"
        )
        while (reached := self._reached()) is not None:
            bound = self._between(reached)
            left = budget.trials - sum(step.trained for step in self._steps)
            if bound is None or abs(reached - bound) <= fineness.width / 2 * abs(reached):
                self._message = f"the bracket is narrower than {100 * fineness.width:.3g} %"
                return
            if left <= 0 or budget.over:
                self._message = "the budget is spent"
                return
            self._ask(bound, min(left, fineness.step), budget)

    def keep(self) -> None:
        """Add to the run's own records what it lacks; it counts for none of the run's trials.

        That is what was trained now, and what an earlier call was killed before it could add.
        """
        own = {each.candidate for each in self._own() if each.outcome is Outcome.EVALUATED}
        trained = {each.candidate: each for each in self._recorded() if each.trained}
        lacking = [record for candidate, record in trained.items() if candidate not in own]
        judged = [judged_anew(each, self._bench.constraints) for each in lacking]
        added = [each for each in judged if each.outcome is Outcome.EVALUATED]
        if added:
            search = make_search(self._bench, self._bench.evaluator(self._watcher.step))
            for record in added:
                search.add(replace(record, origin=TIGHTENED, trained=False))

    def bracket(self, budget: Budget) -> Bracket:
        """Return what is known now."""
        witness = self._witness()
        trial = None
        if witness is not None:
            for number, record in enumerate(self._bench.folder.results().records):
                if record.candidate == witness.candidate and record.outcome is Outcome.EVALUATED:
                    trial = number
                    break
        return Bracket(
            metric=self._metric.name,
            sense=self._sense,
            others=tuple(str(each) for each in self._others),
            proven=self._proven,
            under=tuple(str(each) for each in self._under),
            conflict=self.conflict,
            why=self._why,
            reached=self._reached(),
            witness=None if witness is None else witness.candidate,
            trial=trial,
            known=self._known,
            steps=tuple(self._steps),
            message=self._message,
            seconds=budget.spent,
            noisy=() if witness is None else self._noisy(witness),
        )

    def _noisy(self, witness: Record) -> tuple[str, ...]:
        """Return the other limits that only the value of a reading keeps, and not its interval."""
        return tuple(
            str(limit)
            for limit in self._others
            if limit.within_noise(witness.measurement[limit.metric])
        )

    def _own(self) -> tuple[Record, ...]:
        return self._bench.folder.results().records

    def _recorded(self) -> list[Record]:
        """Return all records there are, but those of files that a run removed before it had them.

        Such a candidate is trained again: what the run does not hold it cannot hand over.
        """
        folder, file = self._bench.folder, self._bench.assembly.file
        plan = Plan.read(folder.plan)
        storage = open_storage(plan.storage or folder.journal)
        own = {each.candidate for each in self._own()}
        return [
            each
            for each in every_record(storage, self._bench.fingerprint)
            if each.outcome is not Outcome.EVALUATED
            or each.candidate in own
            or (folder.candidate(each.candidate) / file).is_file()
        ]

    def _ask(self, bound: float | None, trials: int, budget: Budget) -> None:
        """Train candidates until one keeps a bound and the other limits, or they are spent."""
        limits = self._others if bound is None else (*self._others, self._limit(bound))
        self._teach()
        self._watcher.say(f"searching under {', '.join(map(str, limits)) or 'no limit'}")
        bench = replace(self._bench, constraints=limits)
        with working(self._request, bench, self._watcher) as worker:
            evaluator = inheriting(self._bench, worker, self._records.known.values())
            search = make_search(
                self._bench,
                self._records.under(limits, evaluator),
                constraints=limits,
                name=f"{self._bench.assembly.study.name} under {', '.join(map(str, limits))}",
            )
            before = sum(record.trained for record in search.records)
            search.run(
                trials=before + trials,
                references=self._first(limits, bound),
                on_record=self._show,
                enough=lambda record, _: record.feasible or budget.over or self._idle(search),
            )
        trained = sum(record.trained for record in search.records) - before
        reached = self._reached()
        found = reached is not None and (bound is None or not self._beyond(bound, reached))
        if not found and bound is not None:
            self._not_found.append(bound)
        self._steps.append(Step(bound, found, trained, self._tried(reached), reached))

    def _show(self, record: Record, progress: Progress) -> None:
        if record.origin != RECALLED:
            self._watcher.record(record, progress)

    def _idle(self, search: Search) -> bool:
        """Whether as many candidates in a row as are built for one bound were not trained."""
        last = search.records[-MOST_UNTRAINED:]
        return len(last) == MOST_UNTRAINED and not any(
            each.trained or each.origin == RECALLED for each in last
        )

    def _first(
        self, limits: Sequence[Constraint], bound: float | None
    ) -> list[tuple[str, Candidate]]:
        """Return what a search under some limits begins with: what is known, and plain ways."""
        known = [(RECALLED, each.candidate) for each in self._records.judged(limits)]
        return known if bound is not None else [*known, *references(self._bench)]

    def _teach(self) -> None:
        """Ask the teacher, once; what it said is kept in the run."""
        if not self._steps:
            bench, watcher = self._bench, self._watcher
            prepare(
                bench.assembly,
                bench.folder,
                say=watcher.say,
                progress=watcher.step,
                space=bench.space,
            )

    def _witness(self) -> Record | None:
        """Return the record that goes farthest among those that keep the other limits."""
        name = self._metric.name
        kept = [each for each in self._records.judged(self._others) if each.feasible]
        kept = [each for each in kept if name in each.measurement]
        sign = 1.0 if self._sense is Sense.AT_MOST else -1.0
        return min(kept, key=lambda each: sign * self._kept_by(each), default=None)

    def _limit(self, bound: float) -> Constraint:
        confident = self._bench.assembly.study.spec.confident
        return Constraint(self._metric.name, self._sense, bound, confident)

    def _kept_by(self, record: Record) -> float:
        """Return the tightest bound that a record keeps."""
        return self._limit(1.0).judged(record.measurement[self._metric.name])

    def _reached(self) -> float | None:
        witness = self._witness()
        return None if witness is None else self._kept_by(witness)

    def _tried(self, reached: float | None) -> float | None:
        return still_tried(self._not_found, reached, self._sense)

    def _between(self, reached: float) -> float | None:
        """Return the next bound to ask for; ``None`` where the bracket is closed."""
        ends = [each for each in (self._proven, self._tried(reached)) if each is not None]
        return next_bound(self._metric.name, self._sense, reached, ends)

    def _beyond(self, bound: float, value: float) -> bool:
        return value > bound if self._sense is Sense.AT_MOST else value < bound
