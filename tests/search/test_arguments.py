"""What the sampler of an Optuna study does not take is said in one sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.search.small_study import LIMIT, OBJECTIVES, SPACE, costs, objective, params, study
from tightfit import CostModel, FloatArray, IntArray, SpecError
from tightfit.search import GreyBoxSampler


def forbidding(price: float) -> CostModel:
    """Return the costs with a price for the best candidates that the limit allows."""

    def priced(batch: IntArray) -> dict[str, FloatArray]:
        forbidden = (batch[:, 0] == 3) & (batch[:, 1] == 0)
        return {"size": np.where(forbidden, price, costs(batch)["size"])}

    return priced


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prior": {"a": 3}}, "the prior of 'a' needs a finite number for each of its 4 choices"),
        ({"prior": {"a": ["x", 1, 2, 3]}}, "the prior of 'a' needs .* got .'x', 1, 2, 3"),
        ({"prior": {"a": [[1], [2], [3], [4]]}}, "the prior of 'a' needs a finite number"),
        ({"constraints": ["size <= 10"]}, "each constraint must be a Constraint, .* 'size <= 10'"),
        ({"constraints": "size <= 10"}, "each constraint must be a Constraint, .* got 's'"),
        ({"constraints": [LIMIT, replace(LIMIT, confident=True)]}, "two .* read 'size <= 10', the"),
        ({"constraints": [LIMIT, replace(LIMIT, bound=10.0000001)]}, "two .* read 'size <= 10'"),
        ({"objectives": ["error", "size"]}, "each objective must be an Objective, .* got 'error'"),
        ({"objectives": OBJECTIVES[:1] * 2}, "must differ, got 'error' twice"),
        ({"costs": [1.0, 2.0]}, "must be a function of a batch of candidates, got list"),
        ({"costs": lambda batch: costs(batch)["size"]}, "must be a mapping from metrics, got nd"),
        ({"costs": lambda batch: {"size": [1.0] * len(batch)}}, "an array of shape .3., got list"),
        ({"costs": lambda _: {"size": 1.0}}, "'size' of 3 candidates .* got float of shape"),
        ({"costs": forbidding(np.inf)}, "'size' must be finite, got inf of {'a': 8, 'b': 2, "),
        ({"costs": forbidding(np.nan)}, "'size' must be finite, got nan of .* a large number that"),
        ({"costs": lambda batch: {"size": np.ones((len(batch), 1))}}, r"ndarray of shape \[3, 1\]"),
    ],
)
def test_an_argument_of_another_kind_is_named(wrong: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"costs": costs, "constraints": [LIMIT], "objectives": OBJECTIVES}
    with pytest.raises(SpecError, match=message):
        GreyBoxSampler(SPACE, **(right | wrong))


def test_what_costs_a_large_number_is_never_proposed() -> None:
    some = study()
    some.sampler = GreyBoxSampler(SPACE, forbidding(1e9), [LIMIT], OBJECTIVES)
    some.optimize(objective, n_trials=16)
    assert all(params(trial)[:2] != (8, 2) for trial in some.trials)
