"""Trials of which some choices are made before the sampler is asked."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from tests.search.small_study import (
    OBJECTIVES,
    SPACE,
    Params,
    costs,
    objective,
    params,
    size,
    study,
)
from tightfit import Constraint, FloatArray, Hparam, IntArray, SearchSpace, Sense
from tightfit.search import GreyBoxSampler
from tightfit.search.trial_table import TrialTable

WITH_8 = 6
"""Candidates with a = 8 that keep the limit."""


@pytest.mark.parametrize("before", [0, 5])
def test_the_rest_of_an_enqueued_trial_is_new_and_keeps_the_limit(before: int) -> None:
    some = study()
    some.optimize(objective, n_trials=before)
    earlier = {params(trial) for trial in some.trials}
    left = WITH_8 - sum(each[0] == 8 for each in earlier)
    for _ in range(left):
        some.enqueue_trial({"a": 8})
    some.optimize(objective, n_trials=left)
    found = [params(trial) for trial in some.trials[before:]]
    assert {each[0] for each in found} == {8}
    assert all(size(each) <= 10 for each in found)
    assert len(earlier.union(found)) == before + left


def test_where_no_rest_keeps_the_limit_an_enqueued_trial_is_completed_all_the_same() -> None:
    some = study()
    for _ in range(2):
        some.enqueue_trial({"a": 8, "b": 8})
    some.optimize(objective, n_trials=2)
    assert {params(trial)[:3] for trial in some.trials} == {(8, 8, 0.5)}  # the least that is left
    assert {params(trial)[3] for trial in some.trials} == {"x", "y"}


def test_a_trial_that_is_enqueued_whole_is_what_it_was_enqueued_as() -> None:
    some = study()
    some.enqueue_trial({"a": 8, "b": 8, "c": 1.0, "d": "y"})
    some.optimize(objective, n_trials=1)
    assert params(some.trials[0]) == (8, 8, 1.0, "y")


def test_a_trial_that_is_enqueued_with_most_of_very_many_choices_is_completed() -> None:
    space = SearchSpace(tuple(Hparam(f"layer{i}.dropped", (0, 1)) for i in range(70)))

    def kept(batch: IntArray) -> dict[str, FloatArray]:
        return {"size": 70.0 - batch.sum(axis=1)}

    limit = Constraint("size", Sense.AT_MOST, 35.0)
    some = optuna.create_study(
        directions=["minimize", "minimize"],
        sampler=GreyBoxSampler(space, kept, [limit], OBJECTIVES),
    )
    fixed = {hparam.name: column % 2 for column, hparam in enumerate(space.hparams[:66])}
    some.enqueue_trial(fixed)
    trial = some.ask()
    for hparam in space.hparams:
        trial.suggest_categorical(hparam.name, hparam.choices)
    assert fixed.items() <= trial.params.items()
    chosen = space.from_choices(trial.params)
    assert kept(np.array([chosen.indices]))["size"][0] <= 35.0


def test_what_a_trial_takes_itself_is_what_the_rest_is_chosen_for() -> None:
    some = study()
    found: list[Params] = []
    for _ in range(3):
        trial = some.ask()
        trial.suggest_categorical("d", ("x", "y"))
        trial.suggest_int("a", 8, 8)  # whatever was proposed
        for hparam in SPACE.hparams[1:]:
            trial.suggest_categorical(hparam.name, hparam.choices)
        found.append(params(trial))
        some.tell(trial, (1.0, size(found[-1])))
    assert all(each[0] == 8 and size(each) <= 10 for each in found)
    assert len(set(found)) == 3


def test_a_running_trial_is_what_it_has_suggested_and_not_what_was_proposed() -> None:
    some = study()
    table = TrialTable(some, SPACE, objectives=(), constraints=(), metrics=())
    trial = some.ask()
    trial.suggest_categorical("a", (8,))
    assert table.observations(1, {0: (0, 1, 1, 0)}).pending.tolist() == [[3, 1, 1, 0]]
    assert costs(table.observations(1, {0: (0, 0, 0, 0)}).pending)["size"] == 9.0
