"""Searches of a problem whose best front is nearly known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    REFERENCE_HYPERVOLUME,
    REFERENCE_POINT,
    SPACE,
    SyntheticEvaluator,
    costs,
)
from tightfit import Constraint, Direction, Objective, Sense
from tightfit.search import Search, SearchOutcome, hypervolume_history, open_storage, pareto_front


def run(
    path: Path,
    sampler: str,
    trials: int,
    *,
    seed: int = 0,
    seconds: float = 20.0,
    constraints: tuple[Constraint, ...] = CONSTRAINTS,
    objectives: tuple[Objective, ...] = OBJECTIVES,
) -> SearchOutcome:
    """Search the problem; ``seconds`` is what every training is said to take."""
    return Search(
        space=SPACE,
        costs=costs,
        constraints=constraints,
        objectives=objectives,
        evaluator=SyntheticEvaluator(seconds=seconds, constraints=constraints),
        storage=open_storage(path / f"{sampler}{seed}.journal"),
        name="synthetic",
        fingerprint="f",
        sampler=sampler,
        seed=seed,
    ).run(trials=trials)


def reached(outcome: SearchOutcome) -> float:
    """Return the hypervolume as a share of the best known."""
    history = hypervolume_history(outcome.records, OBJECTIVES, REFERENCE_POINT)
    return float(history[-1]) / REFERENCE_HYPERVOLUME


def test_auto_is_far_better_than_random_within_thirty_trials(tmp_path: Path) -> None:
    auto = run(tmp_path, "auto", 30)
    assert reached(auto) > 0.4
    assert reached(auto) > 1.3 * reached(run(tmp_path, "random", 30))


def test_proposing_and_keeping_take_at_most_two_per_cent_of_trials_of_20_s(tmp_path: Path) -> None:
    outcome = run(tmp_path, "auto", 20)
    assert outcome.overhead_seconds < 0.02 * 20 * 20.0


@pytest.mark.slow
def test_gaussian_processes_learn_where_a_runtime_limit_lies(tmp_path: Path) -> None:
    limits = (*CONSTRAINTS, Constraint("measured", Sense.AT_MOST, 0.31))
    records = run(tmp_path, "gp", 24, constraints=limits).records
    screened = {
        half: sum(not record.trained for record in part) / len(part)
        for half, part in (
            ("random", [record for record in records if record.origin == "random"]),
            ("gp", [record for record in records if record.origin == "gp"]),
        )
    }
    assert screened["gp"] < screened["random"]


@pytest.mark.parametrize(
    ("sampler", "count"),
    [
        ("gp", 1),
        ("tpe", 1),
        ("tpe", 3),
        ("nsga2", 1),
        ("nsga2", 3),
        ("nsga3", 3),
        pytest.param("gp", 3, marks=pytest.mark.slow),
    ],
)
def test_one_and_three_objectives_are_searched_too(
    tmp_path: Path, sampler: str, count: int
) -> None:
    objectives = (*OBJECTIVES, Objective("latency", Direction.MINIMIZE))[:count]
    outcome = run(tmp_path, sampler, 24, objectives=objectives)
    assert sampler in {record.origin for record in outcome.records}
    assert len(pareto_front(outcome.records, objectives)) >= 1


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3"])
def test_generations_are_the_same_after_a_pause(tmp_path: Path, sampler: str) -> None:
    objectives = (*OBJECTIVES, Objective("latency", Direction.MINIMIZE))
    (paused := tmp_path / "paused").mkdir()
    whole = run(tmp_path, sampler, 64, objectives=objectives).records
    run(paused, sampler, 50, objectives=objectives)
    resumed = run(paused, sampler, 64, objectives=objectives).records
    assert [each.candidate for each in resumed] == [each.candidate for each in whole]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_auto_comes_near_the_best_known_front(tmp_path: Path, seed: int) -> None:
    auto = run(tmp_path, "auto", 60, seed=seed)
    assert reached(auto) > 0.75
    for other in ("random", "tpe", "nsga2"):
        assert reached(auto) > reached(run(tmp_path, other, 60, seed=seed))
