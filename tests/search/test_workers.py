"""Several processes that search one study, each with a sampler of its own."""

from __future__ import annotations

from collections.abc import Mapping

import optuna
import pytest

from tests.search.small_study import OBJECTIVES, SPACE, Params, costs, study, suggest
from tightfit import Constraint, CostModel, FloatArray, IntArray, Sense
from tightfit.search import GreyBoxSampler


def test_workers_see_what_others_have_proposed_before_it_is_suggested() -> None:
    storage = optuna.storages.InMemoryStorage()
    trials = [study(storage=storage).ask() for _ in range(12)]
    for trial in trials:
        trial.suggest_categorical("d", ("x", "y"))  # all are in the middle of it
    assert len({suggest(trial) for trial in trials}) == 12


@pytest.mark.parametrize("seed", range(6))
def test_what_another_process_proposed_meanwhile_is_not_proposed_too(seed: int) -> None:
    """Two candidates are allowed, and the second worker takes one while the first still thinks."""
    storage = optuna.storages.InMemoryStorage()
    least = Constraint("size", Sense.AT_MOST, 2.0)  # d alone is left to choose
    chosen: list[Params] = []

    def worker(cost_model: CostModel) -> optuna.Study:
        made = GreyBoxSampler(SPACE, cost_model, [least], OBJECTIVES, seed=seed)
        found = study(storage=storage)
        found.sampler = made
        return found

    second = worker(costs).ask

    def slow(batch: IntArray) -> Mapping[str, FloatArray]:
        if thinks and not chosen:
            chosen.append(suggest(second()))
        return costs(batch)

    thinks = False
    first = worker(slow).ask()
    thinks = True
    assert {suggest(first), *chosen} == {(1, 2, 0.5, "x"), (1, 2, 0.5, "y")}
