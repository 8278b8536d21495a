"""The grey box in anyone's Optuna study: alone, in batches, by threads and several processes."""

from __future__ import annotations

import pickle
from collections.abc import Mapping

import numpy as np
import optuna
import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    SPACE,
    costs,
    errors,
    noisy_damage,
)
from tightfit import (
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Objective,
    SearchSpace,
    Sense,
    SpecError,
)
from tightfit.search import GreyBoxSampler
from tightfit.search.region import Row

SIZE, LATENCY = CONSTRAINTS


def objective(trial: optuna.Trial) -> tuple[float, float]:
    """Suggest by every kind of distribution that has the choices."""
    for hparam in SPACE.hparams:
        if "kept" in hparam.name:
            trial.suggest_int(hparam.name, 2, 8)
        elif hparam.name == "training.learning_rate":
            trial.suggest_float(hparam.name, 1e-4, 1e-1, log=True)
        else:
            trial.suggest_categorical(hparam.name, hparam.choices)
    trial.suggest_float("something.else", 0.0, 1.0)
    batch = np.array([candidate(trial.params)])
    return float(errors(batch)[0]), float(costs(batch)["size"][0])


def candidate(params: Mapping[str, float | int | str | None]) -> Row:
    """Return the candidate of a trial's parameters."""
    return SPACE.from_choices({h.name: params[h.name] for h in SPACE.hparams}).indices


def grey_sampler(seed: int = 0) -> GreyBoxSampler:
    """Return a sampler that was told what choices damage."""
    prior = {
        h.name: d.tolist() for h, d in zip(SPACE.hparams, noisy_damage(0), strict=True) if len(d)
    }
    return GreyBoxSampler(SPACE, costs, CONSTRAINTS, OBJECTIVES, seed=seed, prior=prior)


def plain_study(seed: int = 0) -> optuna.Study:
    """Return a study as anyone makes it."""
    return optuna.create_study(directions=["minimize", "minimize"], sampler=grey_sampler(seed))


def batches(study: optuna.Study, *, workers: int, rounds: int) -> list[Row]:
    """Return what is proposed where as many trials as there are workers run at a time."""
    for _ in range(rounds):
        asked = [study.ask() for _ in range(workers)]
        values = [objective(trial) for trial in asked]
        for trial, value in reversed(list(zip(asked, values, strict=True))):
            study.tell(trial, value)
    return [candidate(trial.params) for trial in study.get_trials()]


@pytest.mark.slow
def test_a_plain_study_of_optuna_takes_it() -> None:
    study = plain_study()
    study.optimize(objective, n_trials=8)
    rows = np.array([candidate(trial.params) for trial in study.get_trials()])
    assert len(np.unique(rows, axis=0)) == 8
    for limit in CONSTRAINTS:
        assert (limit.violations(costs(rows)[limit.metric]) <= 0).all()
    again = plain_study()
    again.optimize(objective, n_trials=8)
    assert [t.values for t in again.trials] == [t.values for t in study.trials]


def test_a_batch_has_no_candidate_twice_and_not_one_place_of_the_front_alone() -> None:
    rows = batches(plain_study(), workers=4, rounds=3)
    assert len(set(rows)) == 12
    last = np.array(rows[-4:])
    assert np.ptp(costs(last)["size"]) > 0.005


@pytest.mark.slow
def test_batches_follow_from_the_seed() -> None:
    first = batches(plain_study(), workers=3, rounds=2)
    assert first == batches(plain_study(), workers=3, rounds=2)
    assert first != batches(plain_study(seed=1), workers=3, rounds=2)


def test_a_running_trial_of_another_process_is_counted() -> None:
    storage = optuna.storages.InMemoryStorage()
    here = optuna.create_study(
        study_name="s", storage=storage, directions=["minimize"] * 2, sampler=grey_sampler()
    )
    here.optimize(objective, n_trials=6)
    objective(here.ask())  # it stays on its way
    there = optuna.load_study(study_name="s", storage=storage, sampler=grey_sampler())
    alone = optuna.create_study(directions=["minimize"] * 2, sampler=grey_sampler())
    alone.add_trials(here.get_trials()[:6])
    # The same number and seed: what differs is the trial that runs.
    alone.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL))
    trials = [there.ask(), alone.ask()]
    for trial in trials:
        objective(trial)
    rows = [candidate(trial.params) for trial in trials]
    assert rows[0] != rows[1]
    assert rows[0] not in {candidate(trial.params) for trial in here.get_trials()[:7]}


def test_threads_get_different_candidates() -> None:
    study = plain_study()
    study.optimize(objective, n_trials=9, n_jobs=3)
    assert len({candidate(trial.params) for trial in study.get_trials()}) == 9


@pytest.mark.slow
def test_a_sampler_that_is_pickled_or_used_again_knows_the_study_at_hand() -> None:
    study = plain_study()
    study.optimize(objective, n_trials=5)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(objective, n_trials=2)
    whole = plain_study()
    whole.optimize(objective, n_trials=7)
    assert [t.values for t in study.trials] == [t.values for t in whole.trials]
    fresh = optuna.create_study(directions=["minimize"] * 2, sampler=whole.sampler)
    fresh.optimize(objective, n_trials=5)
    assert [t.values for t in fresh.trials] == [t.values for t in whole.trials[:5]]


@pytest.mark.slow
def test_a_measured_limit_is_learned_from_trials_that_broke_it_too() -> None:
    def size_alone(batch: IntArray) -> dict[str, FloatArray]:
        return {"size": costs(batch)["size"]}

    sampler = GreyBoxSampler(SPACE, size_alone, CONSTRAINTS, OBJECTIVES, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)

    def measured(trial: optuna.Trial) -> tuple[float, float]:
        values = objective(trial)
        latency = float(costs(np.array([candidate(trial.params)]))["latency"][0])
        trial.set_constraint(str(LATENCY), LATENCY.excess(latency))
        if LATENCY.excess(latency) > 0:
            raise optuna.TrialPruned  # it was measured, and not trained
        return values

    study.optimize(measured, n_trials=20)
    kept = [trial.state is optuna.trial.TrialState.COMPLETE for trial in study.get_trials()]
    assert not all(kept[:6])
    assert np.mean(kept[10:]) > 0.7


def test_a_limit_that_only_trials_know_is_learned_from_what_they_set() -> None:
    floor = Constraint("error", Sense.AT_MOST, 0.4)
    sampler = GreyBoxSampler(SPACE, costs, (*CONSTRAINTS, floor), OBJECTIVES, seed=0)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)

    def limited(trial: optuna.Trial) -> tuple[float, float]:
        values = objective(trial)
        trial.set_constraint(str(floor), floor.excess(values[0]))
        return values

    study.optimize(limited, n_trials=16)
    assert np.mean([trial.values[0] <= 0.4 for trial in study.trials[10:]]) > 0.6


def test_trials_that_only_broke_a_measured_limit_are_learned_from() -> None:
    limit = Constraint("power", Sense.AT_MOST, 1.0)
    static = [Objective("size", Direction.MINIMIZE), Objective("latency", Direction.MINIMIZE)]
    sampler = GreyBoxSampler(SPACE, costs, [*CONSTRAINTS, limit], static)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    rows = []
    for _ in range(6):
        trial = study.ask()
        for hparam in SPACE.hparams:
            trial.suggest_categorical(hparam.name, hparam.choices)
        trial.set_constraint(str(limit), limit.excess(2.0 + trial.number))
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        rows.append(candidate(trial.params))
    assert len(set(rows)) == 6


def test_a_prior_that_fits_no_hparam_is_refused() -> None:
    for prior, message in (
        ({"layer9.bits": (0.0, 1.0)}, "'layer9.bits', which is no hparam"),
        ({"layer0.bits": (0.0, 1.0)}, "each of its 4 choices"),
    ):
        with pytest.raises(SpecError, match=message):
            GreyBoxSampler(SPACE, costs, CONSTRAINTS, OBJECTIVES, prior=prior)


def test_a_sampler_that_was_used_before_proposes_as_a_fresh_one() -> None:
    used = plain_study()
    used.optimize(objective, n_trials=6)
    studies = [
        optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
        for sampler in (used.sampler, grey_sampler())
    ]
    for study in studies:
        for number in range(5):
            study.enqueue_trial({each.name: each.choices[number % 2] for each in SPACE.hparams})
        study.optimize(objective, n_trials=7)
    again, fresh = ([candidate(trial.params) for trial in study.trials] for study in studies)
    assert again == fresh


def test_what_a_study_and_its_sampler_do_not_agree_on_is_said() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=grey_sampler())
    with pytest.raises(SpecError, match="to be minimized, minimized, the study's values maximized"):
        objective(study.ask())
    for corner in ((1.0, 2.0, 3.0), (1.0, float("nan"))):
        with pytest.raises(SpecError, match="a finite value for each of the 2 objectives"):
            GreyBoxSampler(SPACE, costs, CONSTRAINTS, OBJECTIVES, corner=corner)


def test_a_constraint_that_no_trial_sets_is_asked_for() -> None:
    power = Constraint("power", Sense.AT_MOST, 8.0)
    sampler = GreyBoxSampler(SPACE, costs, (*CONSTRAINTS, power), OBJECTIVES)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    with pytest.raises(
        SpecError, match="none of 4 complete trials has set the constraint 'power <="
    ):
        study.optimize(objective, n_trials=6)


def test_a_space_of_one_candidate_is_nothing_to_search() -> None:
    space = SearchSpace((Hparam("layer0.bits", (8,)),))
    objectives = [Objective("size", Direction.MINIMIZE)]
    with pytest.raises(SpecError, match="one candidate and nothing to search"):
        GreyBoxSampler(space, lambda batch: {"size": np.ones(len(batch))}, [], objectives)


def test_limits_that_nothing_keeps_are_said_to_be_so() -> None:
    least = float(costs(SPACE.canonical(np.array([[3] * 8 + [6] * 8 + [0, 0, 0]])))["size"][0])
    limit = Constraint("size", Sense.AT_MOST, 0.99 * least)
    study = optuna.create_study(
        directions=["minimize"] * 2, sampler=GreyBoxSampler(SPACE, costs, [limit], OBJECTIVES)
    )
    with pytest.raises(SpecError, match="no candidate was found that keeps the static limits"):
        study.ask().suggest_categorical("layer0.bits", (8, 6, 4, 2))


def test_a_trial_that_cannot_take_the_choice_is_told_so() -> None:
    study = plain_study()
    with pytest.raises(SpecError, match=r"'layer0.bits' must be able to take"):
        study.ask().suggest_int("layer0.bits", 100, 200)
