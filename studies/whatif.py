"""Other limits over the records of a run: what is there at once, and what a model promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tightfit import Constraint, Outcome, Record, SpecError
from tightfit.search import pareto_front
from tightfit.search.forecast import Promise
from tightfit.search.minimization import Minimizer
from tightfit.search.proof import Proof, judge_limits
from tightfit.studies import wording
from tightfit.studies.assembly import Assembly
from tightfit.studies.costs import StaticCosts
from tightfit.studies.decision import promise_json
from tightfit.studies.decision_view import promise_lines
from tightfit.studies.limit_words import limit_json
from tightfit.studies.limits import check_contradictions, parse_limit
from tightfit.studies.prediction_error import static_allowance
from tightfit.studies.promising import prospect
from tightfit.studies.results import Results
from tightfit.studies.tables import front_rows, front_table
from tightfit.studies.unread import NAMED, how

NO_LONGER = "stopped by a limit that is not one of these"
UNREAD = "trained, and not every metric that is limited was read"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Other limits over old records.

    Attributes:
        results: Of the run as if these had been its limits.
        unknown: Trials that the run's own limits stopped before training and these do not.
        proof: That no candidate of the space keeps the static ones of them; ``None`` where some
            does, or nothing is proven.
        promise: What a model of the records expects of candidates without one; ``None`` where no
            candidate is left, or the records are too few.
        unread: Trials that were trained, and of which not every metric of the limits was read.
        unpredicted: Why nothing is expected, where that is so and nothing is proven.
        unproven: Why it is not settled whether some candidate keeps the static ones; empty where
            it is.
    """

    results: Results
    unknown: int
    proof: Proof | None
    promise: Promise | None
    unread: int = 0
    unpredicted: str = ""
    unproven: str = ""

    @property
    def met(self) -> bool:
        """Whether a trial keeps the limits."""
        return bool(pareto_front(self.results.records, self.results.objectives).members)

    @property
    def impossible(self) -> bool | None:
        """Whether no candidate keeps the static ones, by proof; ``None`` where nobody knows."""
        if self.proof is not None:
            return True
        return None if self.unproven and not self.met else False

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        results = self.results
        rows = [row.to_json(results.metrics, results.baseline) for row in front_rows(results)]
        return {
            "study": results.name,
            "limits": [str(each) for each in results.constraints],
            "bounds": [limit_json(each) for each in results.constraints],
            "met": self.met,
            "networks": rows,
            "not_trained": self.unknown,
            "not_read": self.unread,
            "impossible": self.impossible,
            "unproven": self.unproven if self.impossible is None else None,
            "conflict": [] if self.proof is None else [str(each) for each in self.proof.conflict],
            "predicted": None
            if self.promise is None
            else promise_json(self.promise, results.space),
            "unpredicted": self.unpredicted or None,
        }

    def view(self) -> RenderableType:
        """Return what a terminal shows."""
        return Group(front_table(self.results), *(Text(line) for line in self._lines()))

    def _lines(self) -> Iterator[str]:
        metrics = self.results.metrics
        if self.unknown:
            yield (
                f"{self.unknown} trials were stopped by limits that are none of these, and were "
                "not trained."
            )
        if self.unread:
            yield (
                f"{self.unread} trials were trained, and not every metric of these limits was read "
                "of them."
            )
        if self.proof is not None:
            names = [wording.limit(each, metrics[each.metric]) for each in self.proof.conflict]
            yield f"Impossible, by proof: no candidate of the space keeps {wording.listed(names)}."
        elif self.impossible is None:
            yield f"The static limits are not settled by a proof: {self.unproven}."
        if self.promise is not None:
            yield from promise_lines(self.promise, metrics, self.results.space)
        elif self.unpredicted:
            yield self.unpredicted


def new_limits(
    results: Results, texts: Sequence[str], *, confident: bool | None = None
) -> tuple[Constraint, ...]:
    """Return a run's limits with others in place of those on the same side of the same metric.

    Args:
        results: Of the run.
        texts: The other limits.
        confident: Whether the whole interval must keep them; ``None`` is as with the run's own.

    Raises:
        SpecError: A limit that cannot be, contradicts another one, or is on a metric that the run
            did not read.
    """
    if not texts:
        raise SpecError("--limits is missing; write e.g. --limits 'latency_ms <= 2'")
    if confident is None:
        confident = any(each.confident for each in results.constraints)
    known = {*results.metrics, *(each.name for each in NAMED)}
    limits = [parse_limit(text, known) for text in texts]
    for limit in limits:
        _check_read(limit.metric, results)
    new = [limit.resolve(results.baseline.value, confident=confident) for limit in limits]
    replaced = {(limit.metric, limit.sense) for limit in new}
    kept = [each for each in results.constraints if (each.metric, each.sense) not in replaced]
    found = (*kept, *new)
    check_contradictions(found)
    return found


def _check_read(metric: str, results: Results) -> None:
    evaluated = [each for each in results.records if each.outcome is Outcome.EVALUATED]
    somewhere = any(metric in each.measurement for each in evaluated) or not evaluated
    if metric not in results.metrics or not somewhere:
        raise SpecError(f"{metric!r} was not read in this run: {how(metric)}")


def judged_anew(record: Record, limits: Sequence[Constraint]) -> Record:
    """Return a record as it stands under other limits.

    One that was not trained, or not read as far as they ask, and breaks none of them is of no use:
    it has no violations then, and says so.
    """
    if record.outcome is Outcome.FAILED:
        return record
    violations = {
        str(limit): limit.violation(record.measurement)
        for limit in limits
        if limit.metric in record.measurement
    }
    broken = any(violation > 0 for violation in violations.values())
    whole = record.outcome is Outcome.EVALUATED and len(violations) == len(limits)
    if whole or (record.outcome is Outcome.STOPPED and not broken):
        return replace(record, violations=violations)
    if broken:
        reason = max(violations, key=lambda each: violations[each])
        return replace(record, outcome=Outcome.SCREENED, violations=violations, reason=reason)
    reason = UNREAD if record.outcome is Outcome.EVALUATED else NO_LONGER
    return replace(record, outcome=Outcome.SCREENED, violations={}, reason=reason)


def results_under(results: Results, limits: Sequence[Constraint]) -> Results:
    """Return a run's results as if these had been its limits."""
    return replace(
        results,
        constraints=tuple(limits),
        records=tuple(judged_anew(each, limits) for each in results.records),
        references=tuple(judged_anew(each, limits) for each in results.references),
        gains=(),
    )


def what_if(results: Results, assembly: Assembly, texts: Sequence[str], *, trials: int) -> WhatIf:
    """Look at the records of a run under other limits, and ask a model about the rest.

    Args:
        results: Of the run.
        assembly: Its study's parts: exact costs of candidates follow from them.
        texts: The limits; each replaces the run's own on the same side of the same metric.
        trials: How many further trainings the model is asked about.

    Raises:
        SpecError: A limit that cannot be, contradicts another one, or is on a metric that the run
            did not read.
    """
    limits = new_limits(results, texts, confident=assembly.study.spec.confident)
    under = results_under(results, limits)
    space = assembly.space(assembly.model.module)
    costs = StaticCosts(space, assembly.profile)
    bounded = [each for each in limits if each.metric in costs.names]
    minimizer = Minimizer(
        space.search_space,
        costs,
        costs.structures({each.metric for each in bounded}),
        allowed=static_allowance,
    )
    verdict = judge_limits(minimizer, bounded)
    promised, unpredicted = None, ""
    if verdict.proof is None:
        found = prospect(assembly, space, costs, limits, results.records)
        promised = found.promise(trials)
        unpredicted = found.unpredicted if promised is None else ""
    unknown, unread = (
        sum(record.reason == reason for record in under.records) for reason in (NO_LONGER, UNREAD)
    )
    return WhatIf(under, unknown, verdict.proof, promised, unread, unpredicted, verdict.why)
