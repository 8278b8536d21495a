"""What keeps a limit, where the whole interval of a reading must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import optuna
import pytest

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    SearchSpace,
    Sense,
    Stage,
)
from tightfit.search import Search
from tightfit.search.observations import Observations
from tightfit.search.trial_table import TrialTable
from tightfit.search.worth import Standing, Worth, likelihood, log_likelihood

LAYERS = 6
SPACE = SearchSpace(
    tuple(Hparam(f"layer{i}.pruning_ratio", tuple(np.arange(8) / 10)) for i in range(LAYERS))
)
OBJECTIVES = (Objective("accuracy", Direction.MAXIMIZE), Objective("size", Direction.MINIMIZE))
SIZE = Constraint("size", Sense.AT_MOST, 40.0)
FLOOR = Constraint("accuracy", Sense.AT_LEAST, 0.92, confident=True)
_SENSITIVITY = np.array([0.09, 0.17, 0.2, 0.12, 0.3, 0.12])


def costs(batch: IntArray) -> Mapping[str, FloatArray]:
    return {"size": (8.0 - batch).sum(axis=1)}


class Doubtful:
    """Reads accuracies with a standard error of half a point."""

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        del number
        row = np.array(candidate.indices)
        accuracy = 0.95 - 0.1 * float(_SENSITIVITY @ (row / 7) ** 2)
        size = float(costs(row[None])["size"][0])
        measurement = Measurement(
            {
                "size": Reading(size, Kind.COUNTED, Stage.STATIC),
                "accuracy": Reading(
                    accuracy, Kind.MEASURED, Stage.LEARNED, stderr=0.005, repeats=1_500
                ),
            }
        )
        violations = {str(each): each.violation(measurement) for each in (SIZE, FLOOR)}
        return Record(
            candidate, Outcome.EVALUATED, measurement, violations, origin, "f", trained=True
        )


def observed(margins: Mapping[Constraint, FloatArray]) -> Observations:
    """Return three accuracies at and above the floor, and equal sizes."""
    rows = np.arange(3)[:, None].repeat(LAYERS, axis=1)
    return Observations(
        rows=rows,
        values={"accuracy": np.array([0.92, 0.925, 0.94]), "size": np.full(3, 30.0)},
        pending=rows[:0],
        seen=frozenset(),
        margins=margins,
    )


def test_a_value_within_its_margin_of_a_limit_does_not_keep_it() -> None:
    margins = {FLOOR: np.array([np.nan, 0.01, 0.01])}
    assert Standing(observed({}), OBJECTIVES, [FLOOR]).kept.tolist() == [True, True, True]
    standing = Standing(observed(margins), OBJECTIVES, [FLOOR])
    assert standing.kept.tolist() == [True, False, True]  # the first was counted, not measured
    assert standing.margins == {FLOOR: 0.01}


def test_a_candidate_is_expected_to_need_the_margin_as_well() -> None:
    expected = {"accuracy": (np.array([0.92, 0.93, 0.94]), np.full(3, 0.005))}
    assert likelihood(expected, {FLOOR: 0.0})[0] == pytest.approx(0.5)
    assert likelihood(expected, {FLOOR: 0.01})[1] == pytest.approx(0.5)
    assert likelihood(expected, {FLOOR: 0.01})[0] < 0.05


def test_what_breaks_an_objectives_own_limit_is_worth_nothing_and_counts_once() -> None:
    """The worth of a candidate is the mean of what it turns out to add, by many draws."""
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.92)
    objectives = OBJECTIVES[:1]
    standing = Standing(observed({}), objectives, [floor], np.array([0.90]))
    assert standing.corner.tolist() == [-0.92]
    means, deviation = np.array([0.935, 0.94, 0.945]), 0.01
    worth = Worth(
        lambda batch: {"accuracy": (means[: len(batch)], np.full(len(batch), deviation))},
        standing,
        pending=np.zeros((0, LAYERS), dtype=np.int64),
        objectives=objectives,
        limits=[floor],
    )
    draws = means + deviation * np.random.default_rng(0).standard_normal((200_000, 3))
    added = np.maximum(draws - 0.94, 0.0).mean(axis=0)
    assert worth(np.zeros((3, LAYERS), dtype=np.int64)) == pytest.approx(added, rel=0.02)


def test_a_front_is_of_no_worth_beyond_an_objectives_static_limit() -> None:
    spread = replace(
        observed({}),
        values={"accuracy": np.array([0.92, 0.925, 0.94]), "size": np.array([20.0, 30.0, 45.0])},
    )
    limit = Constraint("size", Sense.AT_MOST, 50.0)
    assert Standing(spread, OBJECTIVES, []).corner[1] == 57.5  # half of the extent beyond 45
    assert Standing(spread, OBJECTIVES, [], decided=[limit]).corner[1] == 50.0


def test_members_that_nearly_tie_leave_room_for_worse_ones() -> None:
    tied = replace(
        observed({}),
        values={"accuracy": np.array([0.95, 0.94999, 0.80]), "size": np.array([90.0, 40.0, 60.0])},
    )
    assert Standing(tied, OBJECTIVES, []).corner[0] > -0.945


def test_what_is_next_to_impossible_is_told_apart_from_what_is_more_so() -> None:
    expected = {"accuracy": (np.array([0.1, 0.2]), np.full(2, 1e-3))}
    assert likelihood(expected, {FLOOR: 0.0}).tolist() == [0.0, 0.0]
    worse, better = log_likelihood(expected, {FLOOR: 0.0})
    assert worse < better < -1_000


def test_where_the_whole_interval_must_keep_a_limit_most_proposals_still_do() -> None:
    records = (
        Search(
            space=SPACE,
            costs=costs,
            constraints=(SIZE, FLOOR),
            objectives=OBJECTIVES,
            evaluator=Doubtful(),
            storage=optuna.storages.InMemoryStorage(),
            name="doubtful",
            fingerprint="f",
            sampler="greybox",
            corner=(0.92, 40.0),
        )
        .run(trials=30)
        .records
    )
    assert sum(record.feasible for record in records[15:]) >= 12


def test_a_trial_s_violation_tells_the_margin_of_an_objective() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    reading = Doubtful().evaluate(SPACE.baseline(), "x", 0).measurement["accuracy"]
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        each.name: optuna.distributions.CategoricalDistribution(each.choices)
        for each in SPACE.hparams
    }
    for over in (FLOOR.excess(FLOOR.judged(reading)), FLOOR.excess(reading.value)):
        study.add_trial(
            optuna.create_trial(
                params=SPACE.choices(SPACE.baseline()),
                distributions=distributions,
                values=[reading.value, 48.0],
                constraints={str(FLOOR): over},
            )
        )
    table = TrialTable(
        study, SPACE, objectives=OBJECTIVES, constraints=[FLOOR], metrics=["accuracy", "size"]
    )
    found = table.observations(2, {})
    assert found.values["accuracy"].tolist() == [reading.value] * 2
    assert found.margin(FLOOR) == pytest.approx([FLOOR.margin(reading), 0.0], abs=1e-9)
