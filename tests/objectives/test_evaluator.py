from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from tightfit import (
    Candidate,
    CandidateError,
    Constraint,
    Kind,
    MeasurementError,
    Outcome,
    Reading,
    Record,
    Rung,
    Sense,
    Stage,
    Start,
)
from tightfit.objectives.evaluator import Progress, Rungs, StagedEvaluator


@dataclass
class Bench:
    """A workshop whose readings are given, and which writes down what it was asked to do."""

    size: float = 100.0
    file_size: float = 100.0
    latency: float = 1.0
    accuracy: float = 0.9
    early: tuple[float, ...] = (0.5, 0.7)
    failure: Exception | None = None
    done: list[str] = field(default_factory=list)

    def static(self, candidate: Candidate) -> Mapping[str, Reading]:
        self.done.append(f"static {candidate.indices[0]}")
        return {"size_kb": Reading(self.size, kind=Kind.ESTIMATED, stage=Stage.STATIC)}

    def begin(self, candidate: Candidate, number: int) -> Bench:
        self.done.append(f"begin {candidate.indices[0]} {number}")
        return self

    def build(self) -> Mapping[str, Reading]:
        self.done.append("build")
        return {"size_kb": Reading(self.file_size, kind=Kind.COUNTED, stage=Stage.RUNTIME)}

    def measure(self) -> Mapping[str, Reading]:
        self.done.append("measure")
        return {"latency_ms": Reading(self.latency, kind=Kind.MEASURED, stage=Stage.RUNTIME)}

    def inherit(self, candidate: Candidate, donors: Sequence[Candidate]) -> Start | None:
        self.done.append(f"inherit {candidate.indices[0]} from {[d.indices[0] for d in donors]}")
        return Start(donors[0], loss=0.5, sliced_loss=0.7)

    def train(self, progress: Progress, rungs: Rungs) -> None:
        self.done.append("train")
        progress(1, 2, 0.5)
        for share, accuracy in zip(rungs.shares, self.early, strict=False):
            reading = Reading(accuracy, kind=Kind.MEASURED, stage=Stage.LEARNED)
            rungs.reached(share, {"accuracy": reading})
            self.done.append(f"went on at {share:g}")
        if self.failure is not None:
            raise self.failure

    def score(self) -> Mapping[str, Reading]:
        self.done.append("score")
        return {"accuracy": Reading(self.accuracy, kind=Kind.MEASURED, stage=Stage.LEARNED)}

    def discard(self) -> None:
        self.done.append("discard")


def evaluator(bench: Bench, rungs: tuple[float, ...] = ()) -> StagedEvaluator:
    limits = (
        Constraint("size_kb", Sense.AT_MOST, 100.0),
        Constraint("latency_ms", Sense.AT_MOST, 2.0),
        Constraint("accuracy", Sense.AT_LEAST, 0.8),
    )
    return StagedEvaluator(
        workshop=bench, constraints=limits, errors={"size_kb": 0.02}, fingerprint="abc", rungs=rungs
    )


def test_a_candidate_within_its_limits_goes_through_every_stage() -> None:
    bench = Bench()
    record = evaluator(bench).evaluate(Candidate((7,)), "tpe", 3)
    assert bench.done == ["static 7", "begin 7 3", "build", "measure", "train", "score"]
    assert record.outcome is Outcome.EVALUATED
    assert record.trained
    assert record.feasible
    assert record.measurement["size_kb"].kind is Kind.COUNTED
    assert sorted(record.seconds) == ["build", "evaluate", "measure", "train"]
    assert (record.origin, record.fingerprint) == ("tpe", "abc")


def test_a_predicted_size_screens_only_beyond_its_error() -> None:
    within, beyond = Bench(size=101.9), Bench(size=102.1)
    assert evaluator(within).evaluate(Candidate((0,)), "tpe", 0).outcome is Outcome.EVALUATED
    record = evaluator(beyond).evaluate(Candidate((0,)), "tpe", 0)
    assert record.outcome is Outcome.SCREENED
    assert record.reason == "size_kb <= 100"
    assert beyond.done == ["static 0"]


def test_the_error_of_a_prediction_is_a_share_of_what_it_predicts() -> None:
    def outcome(size: float) -> Outcome:
        rough = replace(evaluator(Bench(size=size)), errors={"size_kb": 0.5})
        return rough.evaluate(Candidate((0,)), "tpe", 0).outcome

    assert outcome(199.0) is Outcome.EVALUATED
    assert outcome(201.0) is Outcome.SCREENED


def test_the_files_bytes_screen_without_any_allowance() -> None:
    bench = Bench(size=99.0, file_size=100.5)
    record = evaluator(bench).evaluate(Candidate((0,)), "tpe", 0)
    assert record.outcome is Outcome.SCREENED
    assert bench.done[-2:] == ["build", "discard"]
    assert record.violations["size_kb <= 100"] == pytest.approx(0.005)


def test_a_slow_file_is_never_trained() -> None:
    bench = Bench(latency=3.0)
    record = evaluator(bench).evaluate(Candidate((0,)), "tpe", 0)
    assert (record.outcome, record.reason) == (Outcome.SCREENED, "latency_ms <= 2")
    assert not record.trained
    assert "train" not in bench.done
    assert bench.done[-1] == "discard"


def test_a_trained_candidate_below_the_floor_is_evaluated_but_not_feasible() -> None:
    record = evaluator(Bench(accuracy=0.5)).evaluate(Candidate((0,)), "tpe", 0)
    assert record.outcome is Outcome.EVALUATED
    assert not record.feasible


@pytest.mark.parametrize(
    "failure",
    [
        CandidateError("diverged in epoch 2"),
        MeasurementError("no kernel"),
        MemoryError("3 GB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 3 GB"),
    ],
)
def test_a_candidates_own_failure_is_recorded_with_its_reason(failure: Exception) -> None:
    record = evaluator(Bench(failure=failure)).evaluate(Candidate((0,)), "tpe", 0)
    assert record.outcome is Outcome.FAILED
    assert str(failure) in record.reason
    assert record.trained
    assert "latency_ms" in record.measurement


def test_a_programming_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        evaluator(Bench(failure=ZeroDivisionError())).evaluate(Candidate((0,)), "tpe", 0)
    with pytest.raises(RuntimeError, match="shapes"):
        evaluator(Bench(failure=RuntimeError("shapes"))).evaluate(Candidate((0,)), "tpe", 0)


def test_a_training_goes_through_its_rungs_where_somebody_says_so() -> None:
    bench, asked = Bench(), list[Rung]()

    def keep(rung: Rung) -> bool:
        asked.append(rung)
        return True

    record = evaluator(bench, (0.25, 0.5)).evaluate_by_rungs(Candidate((7,)), "tpe", 3, keep)
    assert bench.done[-4:] == ["train", "went on at 0.25", "went on at 0.5", "score"]
    assert record.outcome is Outcome.EVALUATED
    assert record.rungs == tuple(asked)
    assert [rung.share for rung in asked] == [0.25, 0.5]
    assert [rung.measurement.value("accuracy") for rung in asked] == [0.5, 0.7]
    assert asked[0].measurement["size_kb"].kind is Kind.COUNTED
    assert record.measurement.value("accuracy") == 0.9


def test_a_training_that_shall_not_go_on_is_stopped_and_scores_nothing() -> None:
    bench = Bench()
    record = evaluator(bench, (0.25, 0.5)).evaluate_by_rungs(
        Candidate((7,)), "tpe", 3, lambda rung: rung.share < 0.5
    )
    assert bench.done[-3:] == ["train", "went on at 0.25", "discard"]
    assert record.outcome is Outcome.STOPPED
    assert record.reason == "stopped after 50% of its training"
    assert record.trained
    assert not record.feasible
    assert "accuracy" not in record.measurement
    assert list(record.violations) == ["size_kb <= 100", "latency_ms <= 2"]
    assert [rung.share for rung in record.rungs] == [0.25, 0.5]
    assert list(record.seconds) == ["build", "measure", "train"]
    assert Record.from_json(record.to_json()) == record


def test_what_passes_every_screen_may_inherit_before_it_is_trained() -> None:
    bench = Bench()
    heir = evaluator(bench).starting_from([Candidate((4,)), Candidate((2,))])
    record = heir.evaluate(Candidate((7,)), "tpe", 3)
    assert bench.done[-4:] == ["measure", "inherit 7 from [4, 2]", "train", "score"]
    assert record.start == Start(Candidate((4,)), loss=0.5, sliced_loss=0.7)
    assert record.start.inherited
    assert "inherit" in record.seconds
    assert Record.from_json(record.to_json()) == record
    slow = evaluator(Bench(latency=3.0)).starting_from([Candidate((4,))])
    assert slow.evaluate(Candidate((7,)), "tpe", 4).start is None


def test_without_a_question_there_are_no_rungs() -> None:
    bench = Bench()
    record = evaluator(bench, (0.25, 0.5)).evaluate(Candidate((7,)), "tpe", 3)
    assert bench.done[-2:] == ["train", "score"]
    assert record.rungs == ()
    assert "rungs" not in record.to_json()
