"""Trials in a study that are of no candidate of the space."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import TrialState

from tests.search.small_study import SPACE, Params, objective, params, size, study
from tightfit import SpecError
from tightfit.search.trial_table import TrialTable

Foreign = dict[str, str | float | None]


def added(foreign: Foreign) -> optuna.trial.FrozenTrial:
    """Return a complete trial that would be the best of all by far."""
    chosen: Foreign = {"a": 1, "b": 2, "c": 0.5, "d": "x", **foreign}
    kinds: dict[str, BaseDistribution] = {
        name: CategoricalDistribution((value,)) for name, value in chosen.items()
    }
    return optuna.create_trial(params=chosen, distributions=kinds, values=[-9.0, 2.0])


def proposals(first: optuna.trial.FrozenTrial) -> list[Params]:
    """Return what is proposed after a trial."""
    some = study()
    some.add_trial(first)
    some.optimize(objective, n_trials=5)
    return [params(trial) for trial in some.trials[1:]]


@pytest.mark.parametrize(
    "foreign",
    [
        {"a": None},
        {"a": "four"},
        {"a": float("inf")},
        {"a": 3},
        {"c": 0.6},
        {"d": "z"},
        {"d": 3},
        {"d": None},
    ],
)
def test_a_trial_with_a_value_that_is_no_choice_tells_nothing(foreign: Foreign) -> None:
    nothing = optuna.create_trial(state=TrialState.FAIL)
    assert proposals(added(foreign)) == proposals(nothing)


@pytest.mark.parametrize("value", [0.5 + 1e-12, float(np.float32(0.5) * np.float32(1.0000001))])
def test_a_number_that_was_rounded_on_its_way_is_the_choice(value: float) -> None:
    some = study()
    some.add_trial(added({"c": value}))
    table = TrialTable(some, SPACE, objectives=(), constraints=(), metrics=())
    assert table.observations(1, {}).rows.tolist() == [[0, 0, 0, 0]]


def test_a_trial_that_is_enqueued_with_no_choice_does_not_end_the_study() -> None:
    def any_a(trial: optuna.Trial) -> tuple[float, float]:
        trial.suggest_categorical("a", (1, 2, 4, 8, None))
        for hparam in SPACE.hparams[1:]:
            trial.suggest_categorical(hparam.name, hparam.choices)
        return 1.0, 2.0

    some = study()
    some.enqueue_trial({"a": None})
    some.optimize(any_a, n_trials=5)
    assert [trial.params["a"] is None for trial in some.trials] == [True] + [False] * 4
    assert all(size(params(trial)) <= 10 for trial in some.trials[1:])


def test_an_objective_that_asks_for_no_choice_is_told_which() -> None:
    trial = study().ask()
    trial.suggest_categorical("d", ("z",))
    with pytest.raises(SpecError, match=r"'d' must be one of \['x', 'y'\], .* suggested 'z'"):
        trial.suggest_categorical("a", (1, 2, 4, 8))
