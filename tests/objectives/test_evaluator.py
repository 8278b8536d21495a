from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tightfit import (
    Candidate,
    CandidateError,
    Constraint,
    Kind,
    MeasurementError,
    Outcome,
    Reading,
    Sense,
    Stage,
)
from tightfit.objectives.evaluator import Progress, StagedEvaluator


@dataclass
class Bench:
    """A workshop whose readings are given, and which writes down what it was asked to do."""

    size: float = 100.0
    file_size: float = 100.0
    latency: float = 1.0
    accuracy: float = 0.9
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

    def train(self, progress: Progress) -> None:
        self.done.append("train")
        progress(1, 2, 0.5)
        if self.failure is not None:
            raise self.failure

    def score(self) -> Mapping[str, Reading]:
        self.done.append("score")
        return {"accuracy": Reading(self.accuracy, kind=Kind.MEASURED, stage=Stage.LEARNED)}

    def discard(self) -> None:
        self.done.append("discard")


def evaluator(bench: Bench) -> StagedEvaluator:
    limits = (
        Constraint("size_kb", Sense.AT_MOST, 100.0),
        Constraint("latency_ms", Sense.AT_MOST, 2.0),
        Constraint("accuracy", Sense.AT_LEAST, 0.8),
    )
    return StagedEvaluator(
        workshop=bench, constraints=limits, errors={"size_kb": 0.02}, fingerprint="abc"
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
    [CandidateError("diverged in epoch 2"), MeasurementError("no kernel"), MemoryError("3 GB")],
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
