"""What a run counts, keeps, copies, and when it stops."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.search.builders import OBJECTIVES, evaluated, failed, measurement
from tightfit import (
    Candidate,
    Constraint,
    FloatArray,
    Hparam,
    IntArray,
    Outcome,
    Record,
    Rung,
    SearchSpace,
    Sense,
    SpecError,
)
from tightfit.search import (
    OnRecord,
    Progress,
    Search,
    SearchOutcome,
    Stopped,
    hypervolume_history,
    open_storage,
)

SPACE = SearchSpace(tuple(Hparam(f"layer{i}.bits", (32, 8, 4)) for i in range(4)))
SIZE = Constraint("size_kb", Sense.AT_MOST, 60.0)
LATENCY = Constraint("latency_ms", Sense.AT_MOST, 5.0)
EVALUATED = evaluated((), accuracy=0.5, size_kb=50.0)


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return sizes from 100 kB down to 12.5 kB."""
    return {"size_kb": np.array([100.0, 25.0, 12.5])[batch].mean(axis=1)}


def free(batch: IntArray) -> dict[str, FloatArray]:
    """Return no static costs."""
    del batch
    return {}


@dataclass
class Scripted:
    """Evaluates by arithmetic; ``behave`` may answer for some numbers instead."""

    latency_ms: float = 1.0
    behave: Mapping[int, Callable[[Candidate], Record]] = field(default_factory=dict)
    calls: list[tuple[Candidate, str, int]] = field(default_factory=list)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        self.calls.append((candidate, origin, number))
        if number in self.behave:
            return self.behave[number](candidate)
        values = {
            "size_kb": float(costs(SPACE.batch([candidate]))["size_kb"][0]),
            "latency_ms": self.latency_ms,
        }
        read = measurement(values)
        violations = {str(each): each.violation(read) for each in (SIZE, LATENCY)}
        broken = [name for name, violation in violations.items() if violation > 0]
        if broken:
            return Record(
                candidate, Outcome.SCREENED, read, violations, origin, "f", reason=broken[0]
            )
        accuracy = 1.0 - sum(candidate.indices) / 10
        read = measurement({**values, "accuracy": accuracy})
        return Record(candidate, Outcome.EVALUATED, read, violations, origin, "f", trained=True)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Search]:
    """Return a maker of searches on one storage."""

    def search(evaluator: Scripted, **changes: Any) -> Search:
        settings: dict[str, Any] = {
            "space": SPACE,
            "costs": costs,
            "constraints": (SIZE, LATENCY),
            "objectives": OBJECTIVES,
            "storage": open_storage(tmp_path / "study.journal"),
            "name": "study",
            "fingerprint": "f",
            "sampler": "random",
        }
        return Search(evaluator=evaluator, **{**settings, **changes})

    return search


def raising(error: BaseException) -> Callable[[Candidate], Record]:
    """Return what raises ``error``."""

    def behave(candidate: Candidate) -> Record:
        del candidate
        raise error

    return behave


def origins(outcome: SearchOutcome) -> list[str]:
    return [record.origin for record in outcome.records]


def test_trials_count_candidates_that_reached_training(make: Callable[..., Search]) -> None:
    refused = [("too large", Candidate((0, 0, 0, 0)))]
    outcome = make(Scripted()).run(trials=5, references=refused)
    assert outcome.stopped is Stopped.FINISHED
    assert [record.trained for record in outcome.records] == [False] + [True] * 5
    assert outcome.records[0].outcome is Outcome.SCREENED


def test_a_run_goes_on_where_the_last_one_stopped(make: Callable[..., Search]) -> None:
    evaluator = Scripted()
    make(evaluator).run(trials=3)
    outcome = make(evaluator).run(trials=5)
    assert [number for _, _, number in evaluator.calls] == [0, 1, 2, 3, 4]
    assert len(outcome.records) == 5
    assert make(evaluator).run(trials=5).records == outcome.records


def test_references_are_evaluated_first_and_once(make: Callable[..., Search]) -> None:
    references = [("a", Candidate((1, 1, 1, 1))), ("b", Candidate((2, 2, 2, 2)))]
    make(Scripted()).run(trials=1, references=references)
    outcome = make(Scripted()).run(trials=4, references=references)
    assert origins(outcome) == ["a", "b", "random", "random"]
    assert outcome.records[1].candidate == Candidate((2, 2, 2, 2))


def test_a_reference_that_was_evaluated_is_copied(make: Callable[..., Search]) -> None:
    evaluator = Scripted()
    same = Candidate((1, 1, 1, 1))
    outcome = make(evaluator).run(trials=2, references=[("a", same), ("b", same)])
    first, copy = outcome.records[:2]
    assert [candidate for candidate, _, _ in evaluator.calls].count(same) == 1
    assert (copy.origin, copy.trained, copy.seconds) == ("b", False, {})
    assert copy.measurement == first.measurement
    assert sum(record.trained for record in outcome.records) == 2


def cut_short(candidate: Candidate) -> Record:
    """Return the record of a training that ended early."""
    rung = Rung(0.5, measurement({"accuracy": 0.1}))
    read = measurement({"size_kb": 25.0, "latency_ms": 1.0})
    outcome = Outcome.STOPPED
    return Record(candidate, outcome, read, {}, "tpe", "f", trained=True, rungs=(rung,))


@pytest.mark.parametrize("first", [cut_short, lambda candidate: failed(candidate.indices)])
def test_a_reference_that_was_stopped_or_failed_before_is_trained_whole(
    make: Callable[..., Search], first: Callable[[Candidate], Record]
) -> None:
    evaluator = Scripted(behave={0: first})
    same = Candidate((1, 1, 1, 1))
    references = [(origin, same) for origin in ("a", "b", "c")]
    outcome = make(evaluator).run(trials=5, references=references)
    assert [candidate for candidate, _, _ in evaluator.calls].count(same) == 2
    whole, copy = outcome.records[1:3]
    assert (whole.outcome, whole.trained) == (Outcome.EVALUATED, True)
    assert (copy.outcome, copy.trained) == (Outcome.EVALUATED, False)


def test_what_an_evaluator_raises_is_a_failed_record(make: Callable[..., Search]) -> None:
    evaluator = Scripted(behave={1: raising(MemoryError("18 GB"))})
    outcome = make(evaluator).run(trials=3)
    assert [record.outcome.value for record in outcome.records] == [
        "evaluated",
        "failed",
        "evaluated",
        "evaluated",
    ]
    assert outcome.records[1].reason == "MemoryError: 18 GB"
    assert outcome.records[1].origin == "random"


@pytest.mark.parametrize("missing", ["accuracy", "latency_ms"])
def test_a_reading_that_is_missing_fails_the_record(
    make: Callable[..., Search], missing: str
) -> None:
    values = {"accuracy": 0.5, "size_kb": 50.0, "latency_ms": 1.0}
    del values[missing]
    evaluator = Scripted(
        behave={
            0: lambda candidate: replace(
                EVALUATED, candidate=candidate, measurement=measurement(values)
            )
        }
    )
    outcome = make(evaluator).run(trials=2)
    assert outcome.records[0].outcome is Outcome.FAILED
    assert f"'{missing}' was not measured" in outcome.records[0].reason


def test_an_answer_for_another_candidate_fails_the_record(make: Callable[..., Search]) -> None:
    other = evaluated((0, 0, 0, 0), accuracy=0.5, size_kb=50.0, latency_ms=1.0)
    outcome = make(Scripted(behave={0: lambda _: other})).run(trials=1)
    assert "the evaluator answered for candidate" in outcome.records[0].reason
    assert outcome.records[0].candidate != other.candidate


def test_violations_follow_from_the_readings(make: Callable[..., Search]) -> None:
    claims = evaluated((), limit=1e9, accuracy=0.5, size_kb=90.0, latency_ms=10.0)
    evaluator = Scripted(behave={0: lambda candidate: replace(claims, candidate=candidate)})
    outcome = make(evaluator).run(trials=1)
    assert outcome.records[0].violations == {"size_kb <= 60": 0.5, "latency_ms <= 5": 1.0}
    assert not outcome.records[0].feasible


def test_an_interrupt_loses_nothing_and_repeats_the_candidate(
    make: Callable[..., Search],
) -> None:
    evaluator = Scripted(behave={2: raising(KeyboardInterrupt())})
    search = make(evaluator)
    with pytest.raises(KeyboardInterrupt):
        search.run(trials=4)
    assert len(search.records) == 2
    evaluator.behave = {}
    search.run(trials=4)
    assert evaluator.calls[2] == evaluator.calls[3]


def test_many_failures_in_a_row_stop_the_search(make: Callable[..., Search]) -> None:
    broken = {number: raising(RuntimeError("no compiler")) for number in range(100)}
    outcome = make(Scripted(behave=broken)).run(trials=5)
    assert outcome.stopped is Stopped.FAILING
    assert outcome.message == "20 candidates in a row failed, the last: RuntimeError: no compiler"
    assert len(outcome.records) == 20


def test_a_search_that_failed_goes_on_when_what_was_broken_is_mended(
    make: Callable[..., Search],
) -> None:
    evaluator = Scripted(behave={number: raising(RuntimeError("full")) for number in range(20)})
    search = make(evaluator)
    assert search.run(trials=3).stopped is Stopped.FAILING
    again = search.run(trials=3)
    assert again.stopped is Stopped.FINISHED
    assert sum(record.trained for record in again.records) == 3


def test_a_limit_that_nothing_keeps_is_named(make: Callable[..., Search]) -> None:
    tight = (Constraint("size_kb", Sense.AT_MOST, 10.0), LATENCY)
    evaluator = Scripted()
    outcome = make(evaluator, constraints=tight).run(trials=5)
    assert outcome.stopped is Stopped.EXHAUSTED
    assert "'size_kb <= 10' refuses most" in outcome.message
    assert "by 25.0% in all" in outcome.message
    assert evaluator.calls == []


def test_a_space_is_done_when_every_candidate_is(make: Callable[..., Search]) -> None:
    tight = (Constraint("size_kb", Sense.AT_MOST, 16.0), LATENCY)
    outcome = make(Scripted(), constraints=tight).run(trials=50)
    assert outcome.stopped is Stopped.EXHAUSTED
    assert outcome.message == "each of the 5 candidates that keep the static limits is done"
    assert len({record.candidate for record in outcome.records}) == 5


@pytest.mark.slow
def test_a_runtime_limit_that_nothing_keeps_is_named(make: Callable[..., Search]) -> None:
    space = SearchSpace(tuple(Hparam(f"layer{i}.bits", (32, 8, 4)) for i in range(9)))

    @dataclass
    class Slow:
        def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
            read = measurement({"latency_ms": 5.5 + number % 7})
            return Record(
                candidate,
                Outcome.SCREENED,
                read,
                {str(LATENCY): LATENCY.violation(read)},
                origin,
                "f",
                reason=str(LATENCY),
            )

    outcome = make(Slow(), space=space, costs=free, constraints=(LATENCY,)).run(trials=5)
    assert outcome.stopped is Stopped.EXHAUSTED
    assert len(outcome.records) == 2_000
    assert "2000 proposals in a row could not be trained; 'latency_ms <= 5'" in outcome.message
    assert "by 10.0% in all" in outcome.message


def test_a_callback_sees_every_record_and_how_far_the_search_is(
    make: Callable[..., Search],
) -> None:
    seen: list[tuple[Record, Progress]] = []
    callback: OnRecord = lambda record, progress: seen.append((record, progress))  # noqa: E731
    evaluator = Scripted(behave={2: raising(ValueError("bad luck"))})
    refused = [("too large", Candidate((0, 0, 0, 0)))]
    outcome = make(evaluator).run(trials=4, references=refused, on_record=callback)
    assert tuple(record for record, _ in seen) == outcome.records
    assert [progress.trained for _, progress in seen] == [0, 1, 1, 2, 3, 4]
    last = seen[-1][1]
    assert (last.trials, last.screened, last.failed) == (4, 1, 1)
    accuracies = [
        record.measurement.value("accuracy") for record in outcome.records if record.trained
    ]
    assert last.best is not None
    assert last.best.measurement.value("accuracy") == max(accuracies)
    assert seen[0][1].best is None
    assert 0 < last.overhead_seconds <= last.seconds


def test_time_outside_the_evaluator_is_overhead(make: Callable[..., Search]) -> None:
    class Sleepy(Scripted):
        def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
            time.sleep(0.2)
            return super().evaluate(candidate, origin, number)

    search = make(Sleepy())
    outcome = search.run(trials=3)
    assert outcome.seconds > 0.6
    assert 0 < search.overhead_seconds <= outcome.overhead_seconds
    assert outcome.overhead_seconds == pytest.approx(outcome.seconds - 0.6, abs=0.05)


@pytest.mark.slow
def test_a_search_ends_when_nothing_more_is_expected(make: Callable[..., Search]) -> None:
    outcome = make(Scripted(), sampler="auto", corner=(0.0, 60.0)).run(trials=60, patience=5)
    assert outcome.stopped is Stopped.PATIENCE
    assert outcome.message == (
        "5 times in a row no candidate was expected to add 0.1% to the front's hypervolume"
    )
    assert len(outcome.records) < 60
    everything = [Candidate(indices) for indices in product(range(3), repeat=4)]
    whole = [Scripted().evaluate(each, "all", 0) for each in everything]
    corner = np.array([0.0, 60.0])
    reached, best = (
        hypervolume_history(records, OBJECTIVES, corner)[-1] for records in (outcome.records, whole)
    )
    assert reached > 0.95 * best


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "greybox"])
def test_patience_is_the_same_after_an_interrupt(make: Callable[..., Search], sampler: str) -> None:
    whole = make(Scripted(), sampler=sampler, name="whole").run(trials=60, patience=4)
    evaluator = Scripted(behave={len(whole.records) - 2: raising(KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        make(evaluator, sampler=sampler).run(trials=60, patience=4)
    evaluator.behave = {}
    resumed = make(evaluator, sampler=sampler).run(trials=60, patience=4)
    assert (resumed.stopped, resumed.message) == (whole.stopped, whole.message)
    assert [each.candidate for each in resumed.records] == [
        each.candidate for each in whole.records
    ]


@pytest.mark.slow
def test_more_patience_goes_on(make: Callable[..., Search]) -> None:
    first = make(Scripted()).run(trials=60, patience=2)
    assert make(Scripted()).run(trials=60, patience=2).records == first.records
    assert len(make(Scripted()).run(trials=60, patience=4).records) > len(first.records)


def test_time_is_counted_over_all_runs_of_a_search(make: Callable[..., Search]) -> None:
    class Slow(Scripted):
        def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
            time.sleep(0.1)
            record = super().evaluate(candidate, origin, number)
            return replace(record, seconds={"train": 0.1})

    make(Slow()).run(trials=3)
    outcome = make(Slow()).run(trials=50, seconds=0.5)
    assert (outcome.stopped, outcome.message) == (Stopped.TIME, "its 0.5 seconds are over")
    assert len(outcome.records) in (4, 5)
    assert len(make(Slow()).run(trials=50, seconds=0.5).records) == len(outcome.records)


def test_a_failure_takes_its_time_as_well(make: Callable[..., Search]) -> None:
    def late(candidate: Candidate) -> Record:
        del candidate
        time.sleep(0.3)
        raise MemoryError

    search = make(Scripted(behave={0: late}))
    assert search.run(trials=50, seconds=0.2).stopped is Stopped.TIME
    assert search.seconds[-1] >= 0.3


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"patience": 0}, "patience must be at least 1, got 0"),
        ({"seconds": 0.0}, "the time of a search must be above 0 seconds, got 0.0"),
    ],
)
def test_a_search_needs_something_to_spend(
    make: Callable[..., Search], limits: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        make(Scripted()).run(trials=5, **limits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 7}, "seed: 0 there, 7 here"),
        ({"sampler": "tpe"}, "sampler: random there, tpe here"),
        ({"fingerprint": "g"}, "fingerprint: f there, g here"),
        ({"constraints": (SIZE,)}, "constraints: .*latency_ms <= 5.* there"),
        (
            {"constraints": (replace(SIZE, bound=60.00001), LATENCY)},
            r"limits in full: \[\] there, \['size_kb <= 60.00001'\] here",
        ),
        (
            {"constraints": (SIZE, replace(LATENCY, confident=True))},
            "'latency_ms <= 5, with its whole interval'",
        ),
        (
            {
                "space": SearchSpace(
                    (
                        *SPACE.hparams[:3],
                        replace(SPACE.hparams[3], active_if=("layer0.bits", (1, 2))),
                    )
                )
            },
            r"conditions: {} there, {'layer3.bits': \['layer0.bits', \[1, 2\]\]} here",
        ),
        (
            {"space": SearchSpace((Hparam("layer0.bits", (32, 8)), *SPACE.hparams[1:]))},
            r"hparam layer0\.bits: \[32, 8, 4\] there, \[32, 8\] here",
        ),
        (
            {"space": SearchSpace(tuple(Hparam(f"x{i}.bits", (32, 8, 4)) for i in range(9)))},
            "and 5 more",
        ),
    ],
)
def test_a_storage_of_another_study_is_refused_with_the_differences(
    make: Callable[..., Search], change: dict[str, Any], message: str
) -> None:
    make(Scripted()).run(trials=1)
    with pytest.raises(SpecError, match=message):
        make(Scripted(), **change)


def test_a_study_that_was_begun_before_all_was_asked_goes_on(make: Callable[..., Search]) -> None:
    search = make(Scripted())
    search.run(trials=1)
    kept = search.get("signature")
    assert isinstance(kept, dict)
    del kept["conditions"], kept["limits in full"]
    search.set("signature", kept)
    assert len(make(Scripted()).run(trials=2).records) == 2


@pytest.mark.parametrize("names", [("auto", "greybox"), ("greybox", "auto")])
def test_a_study_goes_on_with_its_sampler_under_the_other_name(
    make: Callable[..., Search], names: tuple[str, str]
) -> None:
    first, other = names
    make(Scripted(), sampler=first).run(trials=1)
    assert len(make(Scripted(), sampler=other).run(trials=2).records) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objectives": ()}, "1 to 3 objectives, got 0"),
        (
            {"constraints": (LATENCY, replace(LATENCY, confident=True))},
            "two different constraints read 'latency_ms <= 5'",
        ),
        ({"sampler": "tpw"}, "did you mean 'tpe'"),
        (
            {"sampler": "annealing"},
            "one of auto, greybox, tpe, gp, nsga2, nsga3, qmc, random, got 'annealing'",
        ),
        ({"static_errors": {"latency_ms": 0.1}}, "'latency_ms' has an error but is not static"),
        ({"static_errors": {"size_kb": -0.1}}, "finite and >= 0, got -0.1"),
        ({"space": SearchSpace(())}, "the space has no hparams"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    make: Callable[..., Search], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        make(Scripted(), **change)


def test_at_least_one_trial_is_asked_for(make: Callable[..., Search]) -> None:
    with pytest.raises(SpecError, match="trials must be at least 1, got 0"):
        make(Scripted()).run(trials=0)


def test_ready_records_and_values_are_kept_beside_the_trials(make: Callable[..., Search]) -> None:
    search = make(Scripted())
    small = evaluated((), accuracy=0.7, size_kb=40.0, origin="small net")
    search.add_reference(small)
    search.set("baseline", {"size_kb": 100.0})
    search.run(trials=2)
    again = make(Scripted())
    assert again.references == (small,)
    assert again.get("baseline") == {"size_kb": 100.0}
    assert len(again.records) == 2


def test_the_share_of_candidates_that_keep_the_limits_is_known(
    make: Callable[..., Search],
) -> None:
    every = np.stack(np.meshgrid(*[np.arange(3)] * 4), axis=-1).reshape(-1, 4)
    assert make(Scripted()).feasible_share == np.mean(costs(every)["size_kb"] <= 60.0)


def test_a_prediction_refuses_only_beyond_its_error(make: Callable[..., Search]) -> None:
    exact = make(Scripted(), name="exact").feasible_share
    rough = make(Scripted(), name="rough", static_errors={"size_kb": 0.1}).feasible_share
    assert rough > exact


def test_failed_candidates_are_not_proposed_again(make: Callable[..., Search]) -> None:
    tight = (Constraint("size_kb", Sense.AT_MOST, 16.0), LATENCY)
    evaluator = Scripted(
        behave={0: raising(ValueError("no")), 1: lambda candidate: failed(candidate.indices)}
    )
    make(evaluator, constraints=tight).run(trials=50)
    proposed = [candidate for candidate, _, _ in evaluator.calls]
    assert len(proposed) == len(set(proposed)) == 5


def test_a_search_ends_as_soon_as_it_has_what_it_was_run_for(make: Callable[..., Search]) -> None:
    scripted = Scripted()
    search = make(scripted)
    outcome = search.run(trials=9, enough=lambda _, progress: progress.trained == 3)
    assert outcome.stopped is Stopped.ENOUGH
    assert sum(record.trained for record in search.records) == 3
    assert len(scripted.calls) == len(search.records)


def test_a_reference_that_is_enough_is_the_last_one(make: Callable[..., Search]) -> None:
    search = make(Scripted())
    references = [("a", Candidate((1, 1, 1, 1))), ("b", Candidate((2, 2, 2, 2)))]
    search.run(trials=9, references=references, enough=lambda record, _: record.feasible)
    assert [record.origin for record in search.records] == ["a"]


def test_a_record_made_elsewhere_is_kept_and_its_candidate_not_evaluated_again(
    make: Callable[..., Search],
) -> None:
    scripted = Scripted()
    search = make(scripted)
    other = Scripted().evaluate(Candidate((1, 1, 1, 1)), "elsewhere", 0)
    search.add(other)
    assert search.records == (other,)
    search.run(trials=2)
    assert Candidate((1, 1, 1, 1)) not in [candidate for candidate, _, _ in scripted.calls]
