"""What every sampler keeps, whatever its name."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from tests.integration import peak_problem
from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    SPACE,
    SyntheticEvaluator,
    costs,
)
from tightfit import Candidate, Constraint, Sense
from tightfit.search import SAMPLER_NAMES, Search, SearchOutcome, Stopped, open_storage

Finished: TypeAlias = tuple[SearchOutcome, list[Candidate]]

TRIALS = 24
MEASURED = (*CONSTRAINTS, Constraint("measured", Sense.AT_MOST, 0.33))
REFERENCES = [("first", Candidate((3,) * 8 + (4,) * 8 + (2, 2, 1)))]


def search(
    sampler: str, path: Path, evaluator: SyntheticEvaluator, *, seed: int = 0
) -> SearchOutcome:
    """Search the synthetic problem, with a limit that no cost model knows."""
    return Search(
        space=SPACE,
        costs=costs,
        constraints=MEASURED,
        objectives=OBJECTIVES,
        evaluator=evaluator,
        storage=open_storage(path),
        name="synthetic",
        fingerprint="f",
        sampler=sampler,
        seed=seed,
    ).run(trials=TRIALS, references=REFERENCES)


def search_peak(sampler: str, path: Path, evaluator: peak_problem.PeakEvaluator) -> SearchOutcome:
    """Search a problem with a limit on the largest of several parts."""
    return Search(
        space=peak_problem.SPACE,
        costs=peak_problem.costs,
        constraints=peak_problem.CONSTRAINTS,
        objectives=peak_problem.OBJECTIVES,
        evaluator=evaluator,
        storage=open_storage(path),
        name="peak",
        fingerprint="f",
        sampler=sampler,
        seed=1,
    ).run(trials=10)


@pytest.fixture(scope="module", params=SAMPLER_NAMES)
def sampler(request: pytest.FixtureRequest) -> str:
    """Return the name of every sampler in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def finished(sampler: str, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Return an uninterrupted search and the candidates that were evaluated for it."""
    evaluator = SyntheticEvaluator(constraints=MEASURED)
    path = tmp_path_factory.mktemp(sampler) / "study.journal"
    return search(sampler, path, evaluator), evaluator.calls


class TestSampler:
    """A class for the protocol, run against every implementation."""

    def test_it_trains_as_many_as_asked(self, finished: Finished) -> None:
        outcome, _ = finished
        assert outcome.stopped is Stopped.FINISHED
        assert sum(record.trained for record in outcome.records) == TRIALS

    def test_what_a_runtime_limit_refuses_is_kept_and_does_not_count(
        self, finished: Finished
    ) -> None:
        outcome, _ = finished
        screened = [record for record in outcome.records if not record.trained]
        assert screened
        assert {record.reason for record in screened} == {"measured <= 0.33"}

    def test_every_proposal_keeps_the_static_limits(self, finished: Finished) -> None:
        _, calls = finished
        reached = costs(SPACE.batch(calls))
        for constraint in CONSTRAINTS:
            assert (constraint.violations(reached[constraint.metric]) <= 0).all()

    def test_no_candidate_is_evaluated_twice(self, finished: Finished) -> None:
        _, calls = finished
        assert len(set(calls)) == len(calls)

    def test_references_come_first_under_their_own_origin(
        self, finished: Finished, sampler: str
    ) -> None:
        outcome, _ = finished
        assert [record.origin for record in outcome.records[:1]] == ["first"]
        own = {record.origin for record in outcome.records[1:]}
        assert own <= {"greybox" if sampler == "auto" else sampler, "random"}
        assert own - {"random"} or sampler == "random"

    def test_interrupted_anywhere_it_goes_on_as_if_it_was_not(
        self, finished: Finished, sampler: str, tmp_path: Path
    ) -> None:
        outcome, calls = finished
        last = len(outcome.records) - 1
        interrupted = SyntheticEvaluator(constraints=MEASURED, interrupt_at={0, 3, 15, 22, last})
        while interrupted.interrupt_at:
            with pytest.raises(KeyboardInterrupt):
                search(sampler, tmp_path / "study.journal", interrupted)
        resumed = search(sampler, tmp_path / "study.journal", interrupted)
        assert interrupted.calls == calls
        assert resumed.records == outcome.records

    def test_another_seed_gives_other_candidates(
        self, finished: Finished, sampler: str, tmp_path: Path
    ) -> None:
        _, calls = finished
        evaluator = SyntheticEvaluator(constraints=MEASURED, interrupt_at={8})
        with pytest.raises(KeyboardInterrupt):
            search(sampler, tmp_path / "study.journal", evaluator, seed=1)
        assert not set(evaluator.calls[1:]) & set(calls)

    def test_interrupted_it_goes_on_where_what_multiplies_depends_on_the_candidate(
        self, sampler: str, tmp_path: Path
    ) -> None:
        whole = search_peak(sampler, tmp_path / "whole.journal", peak_problem.PeakEvaluator())
        interrupted = peak_problem.PeakEvaluator(interrupt_at={2, 6})
        while interrupted.interrupt_at:
            with pytest.raises(KeyboardInterrupt):
                search_peak(sampler, tmp_path / "study.journal", interrupted)
        resumed = search_peak(sampler, tmp_path / "study.journal", interrupted)
        assert resumed.records == whole.records


def test_the_synthetic_limit_of_the_runtime_refuses_some_and_not_all() -> None:
    evaluator = SyntheticEvaluator(constraints=MEASURED)
    rows = SPACE.random(4_000, np.random.default_rng(0))
    reached = costs(rows)
    kept = [
        SPACE.candidate(row)
        for row, size, latency in zip(rows, reached["size"], reached["latency"], strict=True)
        if size <= 0.085 and latency <= 0.36
    ]
    trained = [evaluator.evaluate(candidate, "x", 0).trained for candidate in kept]
    assert 0.2 < np.mean(trained) < 0.9
