"""A study whose trials do not suggest what the sampler proposes."""

from __future__ import annotations

import optuna
import pytest

from tests.search.small_study import SPACE, Values, study
from tightfit import SpecError


def test_an_hparam_that_no_trial_suggests_is_asked_for() -> None:
    def forgetful(trial: optuna.Trial) -> Values:
        for hparam in SPACE.hparams[:3]:
            trial.suggest_categorical(hparam.name, hparam.choices)
        return 1.0, 2.0

    some = study()
    with pytest.raises(SpecError, match="none of 4 complete trials has suggested 'd': a trial"):
        some.optimize(forgetful, n_trials=6)


def test_names_that_are_all_mistyped_are_no_silent_random_search() -> None:
    def mistyped(trial: optuna.Trial) -> Values:
        for hparam in SPACE.hparams:
            trial.suggest_categorical(hparam.name.upper(), hparam.choices)
        return 1.0, 2.0

    message = r"suggested 'a', 'b', 'c', ...: .* by its name \(it suggested 'A', 'B', 'C'\)"
    with pytest.raises(SpecError, match=message):
        study().optimize(mistyped, n_trials=6)


def test_what_trials_leave_out_now_and_then_is_not_proposed_again_and_again() -> None:
    def partial(trial: optuna.Trial) -> Values:
        for hparam in SPACE.hparams[:3]:
            trial.suggest_categorical(hparam.name, hparam.choices)
        if trial.number == 3:
            trial.suggest_categorical("d", ("x", "y"))
        return 1.0, 2.0

    some = study()
    some.optimize(partial, n_trials=12)
    proposed = [tuple(trial.system_attrs["tightfit:proposed"]) for trial in some.trials]
    assert len(set(proposed)) == 12
