"""Where a part of the space fails, the grey box learns which, and leaves it alone."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from tests.integration.synthetic_problem import CONSTRAINTS, OBJECTIVES, SPACE, costs, errors
from tests.search import small_study
from tests.search.builders import failed, measurement
from tightfit import Candidate, Outcome, Record
from tightfit.search import GreyBoxSampler, Search, Stopped
from tightfit.search.trial_table import TrialTable

TRIALS = 24


def fails(row: tuple[int, ...]) -> bool:
    """Whether a candidate does: two of seven choices of one hparam, two of four of another."""
    return row[8] >= 5 or row[0] >= 2


def failures(value: float) -> int:
    """Return how many of the later trials fail, where failing is a value, or NaN for raising."""
    sampler = GreyBoxSampler(SPACE, costs, CONSTRAINTS, OBJECTIVES, seed=0)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    rows = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        chosen = {h.name: trial.suggest_categorical(h.name, h.choices) for h in SPACE.hparams}
        rows.append(SPACE.from_choices(chosen).indices)
        if fails(rows[-1]) and np.isnan(value):
            raise MemoryError
        batch = np.array(rows[-1:])
        error = value if fails(rows[-1]) else float(errors(batch)[0])
        return error, float(costs(batch)["size"][0])

    study.optimize(objective, n_trials=TRIALS, catch=(MemoryError,))
    return sum(map(fails, rows[TRIALS // 3 :]))


@pytest.mark.parametrize("value", [np.inf, np.nan, 1e200, sys.float_info.max])
def test_what_fails_or_returns_what_is_as_good_as_infinite_is_left_alone(value: float) -> None:
    assert failures(value) <= 3


@dataclass
class Narrow:
    """Fails where memory does not suffice."""

    failed: int = 0

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        del number
        if fails(candidate.indices):
            self.failed += 1
            return failed(candidate.indices)
        batch = np.array([candidate.indices])
        static = {name: float(value[0]) for name, value in costs(batch).items()}
        read = measurement({"error": float(errors(batch)[0]), **static})
        return Record(candidate, Outcome.EVALUATED, read, {}, origin, "f", trained=True)


def test_a_search_of_its_own_learns_from_failed_records_as_well() -> None:
    evaluator = Narrow()
    outcome = Search(
        space=SPACE,
        costs=costs,
        constraints=CONSTRAINTS,
        objectives=OBJECTIVES,
        evaluator=evaluator,
        storage=optuna.storages.InMemoryStorage(),
        name="narrow",
        fingerprint="f",
        sampler="greybox",
    ).run(trials=TRIALS)
    assert outcome.stopped is Stopped.FINISHED
    assert evaluator.failed <= 10


def test_what_failed_amid_its_suggestions_is_what_it_was_to_become() -> None:
    def failing(trial: optuna.Trial) -> small_study.Values:
        trial.suggest_categorical("d", ("x", "y"))
        raise MemoryError

    study = small_study.study()
    study.optimize(failing, n_trials=3, catch=(MemoryError,))
    proposed = [trial.system_attrs["tightfit:proposed"] for trial in study.trials]
    table = TrialTable(study, small_study.SPACE, objectives=(), constraints=(), metrics=())
    observations = table.observations(3, {})
    assert observations.rows.tolist() == proposed
    assert observations.failed is not None
    assert observations.failed.all()
    assert observations.seen == set(map(tuple, proposed))


def test_where_most_candidates_fail_those_that_do_not_come_first() -> None:
    def objective(trial: optuna.Trial) -> small_study.Values:
        chosen = small_study.suggest(trial)
        if chosen[1] > 2 or chosen[3] == "x":
            raise MemoryError
        return small_study.values(chosen)

    study = small_study.study()
    study.optimize(objective, n_trials=14, catch=(MemoryError,))
    completed = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    assert len(completed) >= 7  # of the 8 among 42
