"""The hopeless end early, the good are trained to their end, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    SPACE,
    SyntheticEvaluator,
    costs,
)
from tightfit import (
    Candidate,
    Constraint,
    GoOn,
    Kind,
    Measurement,
    Outcome,
    Reading,
    Record,
    Rung,
    Sense,
    SpecError,
    Stage,
)
from tightfit.search import Halving, Search, SearchOutcome, open_storage, pareto_front

FLOOR = Constraint("error", Sense.AT_MOST, 0.55)
LIMITS = (*CONSTRAINTS, FLOOR)
SHARES = (0.25, 0.5)


@dataclass
class Climbing:
    """The synthetic problem with an error that falls by 0.2 on its way, and is read inexactly."""

    whole: SyntheticEvaluator = field(default_factory=SyntheticEvaluator)
    spread: float = 0.01
    steps: float = 0.0

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        return self.evaluate_by_rungs(candidate, origin, number, lambda _: True)

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        record = self.whole.evaluate(candidate, origin, number)
        if record.outcome is not Outcome.EVALUATED:
            return record
        known = {name: record.measurement[name] for name in record.measurement}
        error = known.pop("error").value
        final = {"error": Reading(error, Kind.MEASURED, Stage.LEARNED)}
        record = replace(record, measurement=Measurement({**known, **final}))
        rng, rungs = np.random.default_rng([1, *candidate.indices]), []
        for share in SHARES:
            early = error + 0.2 * (1 - share) + self.spread * float(rng.standard_normal())
            reading = Reading(early, Kind.MEASURED, Stage.LEARNED)
            rungs.append(Rung(share, Measurement({**known, "error": reading})))
            if not go_on(rungs[-1]):
                self.steps += share
                return replace(
                    record,
                    outcome=Outcome.STOPPED,
                    measurement=Measurement(known),
                    violations={},
                    rungs=tuple(rungs),
                )
        self.steps += 1
        return replace(record, rungs=tuple(rungs))


class Forgetful(Climbing):
    """Trains one candidate to its end and does not say what it came to."""

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        if number != 5:
            return super().evaluate_by_rungs(candidate, origin, number, go_on)
        record = super().evaluate_by_rungs(candidate, origin, number, lambda _: True)
        known = {k: each for k, each in record.measurement.readings.items() if k != "error"}
        return replace(record, measurement=Measurement(known))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., SearchOutcome]:
    """Return what searches by rungs."""

    def search(
        evaluator: Climbing, *, sampler: str = "random", trials: int = 40, name: str = "study"
    ) -> SearchOutcome:
        storage = open_storage(tmp_path / "study.journal")

        def made(known: tuple[Record, ...]) -> Search:
            halving = Halving(
                evaluator, keep=0.5, objectives=OBJECTIVES, constraints=LIMITS, known=known
            )
            return Search(
                space=SPACE,
                costs=costs,
                constraints=LIMITS,
                objectives=OBJECTIVES,
                evaluator=halving,
                storage=storage,
                name=name,
                fingerprint="f",
                sampler=sampler,
                corner=(0.6, 0.085),
            )

        return made(made(()).records).run(trials=trials)

    return search


def true_error(record: Record) -> float:
    return SyntheticEvaluator().evaluate(record.candidate, "", 0).measurement.value("error")


def test_the_hopeless_are_stopped_and_cost_a_part(run: Callable[..., SearchOutcome]) -> None:
    evaluator = Climbing()
    records = run(evaluator).records
    stopped = [each for each in records if each.outcome is Outcome.STOPPED]
    whole = [each for each in records if each.outcome is Outcome.EVALUATED]
    assert len(stopped) >= 10
    assert sum(each.trained for each in records) == 40
    assert evaluator.steps < 0.8 * 40
    assert {each.rungs[-1].share for each in stopped} == set(SHARES)
    # What was stopped would rarely have been of any use.
    front = pareto_front(whole, OBJECTIVES).members
    assert len(front) >= 2
    lost = [
        each
        for each in stopped
        if true_error(each) <= FLOOR.bound
        and not any(
            member.measurement.value("error") <= true_error(each)
            and member.measurement.value("size") <= each.measurement.value("size")
            for member in front
        )
    ]
    assert len(lost) <= len(stopped) // 4


def test_what_was_stopped_is_on_no_front(run: Callable[..., SearchOutcome]) -> None:
    records = run(Climbing()).records
    members = pareto_front(records, OBJECTIVES).members
    assert members
    assert all(each.outcome is Outcome.EVALUATED for each in members)
    assert all(limit.violation(each.measurement) <= 0 for each in members for limit in LIMITS)
    stopped = next(each for each in records if each.outcome is Outcome.STOPPED)
    assert not stopped.feasible
    assert "error" not in stopped.measurement
    assert list(stopped.violations) == [str(each) for each in CONSTRAINTS]


@pytest.mark.parametrize(
    "sampler", ["random", pytest.param("tpe", marks=pytest.mark.slow), "nsga2"]
)
def test_the_same_seed_stops_the_same_candidates_also_after_an_interrupt(
    run: Callable[..., SearchOutcome], sampler: str
) -> None:
    whole = run(Climbing(), sampler=sampler, trials=30, name="whole").records
    evaluator = Climbing(SyntheticEvaluator(interrupt_at={12, 25}))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(evaluator, sampler=sampler, trials=30)
    assert run(evaluator, sampler=sampler, trials=30).records == whole
    assert any(each.outcome is Outcome.STOPPED for each in whole)


def test_a_training_without_its_reading_fails_alone_and_is_none_to_compare_with(
    run: Callable[..., SearchOutcome],
) -> None:
    whole = run(Forgetful(), trials=16, name="whole").records
    assert [n for n, each in enumerate(whole) if each.outcome is Outcome.FAILED] == [5]
    evaluator = Forgetful(SyntheticEvaluator(interrupt_at={9}))
    with pytest.raises(KeyboardInterrupt):
        run(evaluator, trials=16)
    assert run(evaluator, trials=16).records == whole


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["greybox", "gp"])
def test_samplers_that_model_learn_from_what_was_stopped(
    run: Callable[..., SearchOutcome], sampler: str
) -> None:
    records = run(Climbing(), sampler=sampler, trials=16).records
    assert {each.outcome for each in records} >= {Outcome.EVALUATED, Outcome.STOPPED}
    assert any(each.origin == sampler for each in records)


def test_reference_candidates_are_trained_to_their_end() -> None:
    halving = Halving(Climbing(), keep=0.1, objectives=OBJECTIVES, constraints=LIMITS)
    rng = np.random.default_rng(0)
    batch = SPACE.random(3_000, rng)
    allowed = batch[(costs(batch)["size"] <= 0.085) & (costs(batch)["latency"] <= 0.36)]
    outcomes = [
        halving.evaluate(SPACE.candidate(row), "uniform: bits 4", 0).outcome for row in allowed[:12]
    ]
    assert set(outcomes) == {Outcome.EVALUATED}


@pytest.mark.parametrize("keep", [0.0, 1.0])
def test_a_share_that_keeps_none_or_all_is_refused(keep: float) -> None:
    with pytest.raises(SpecError, match=f"'keep' must lie between 0 and 1, got {keep}"):
        Halving(Climbing(), keep=keep, objectives=OBJECTIVES, constraints=LIMITS)
