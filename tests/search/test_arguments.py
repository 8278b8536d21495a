"""What the sampler of an Optuna study does not take is said in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.search.small_study import LIMIT, OBJECTIVES, SPACE, costs
from tightfit import SpecError
from tightfit.search import GreyBoxSampler


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prior": {"a": 3}}, "the prior of 'a' needs a finite number for each of its 4 choices"),
        ({"prior": {"a": ["x", 1, 2, 3]}}, "the prior of 'a' needs .* got .'x', 1, 2, 3"),
        ({"prior": {"a": [[1], [2], [3], [4]]}}, "the prior of 'a' needs a finite number"),
        ({"constraints": ["size <= 10"]}, "each constraint must be a Constraint, .* 'size <= 10'"),
        ({"constraints": "size <= 10"}, "each constraint must be a Constraint, .* got 's'"),
        ({"objectives": ["error", "size"]}, "each objective must be an Objective, .* got 'error'"),
        ({"objectives": OBJECTIVES[:1] * 2}, "must differ, got 'error' twice"),
        ({"costs": [1.0, 2.0]}, "must be a function of a batch of candidates, got list"),
        ({"costs": lambda batch: costs(batch)["size"]}, "must be a mapping from metrics, got nd"),
        ({"costs": lambda batch: {"size": [1.0] * len(batch)}}, "an array of shape .3., got list"),
        ({"costs": lambda _: {"size": 1.0}}, "'size' of 3 candidates .* got float of shape"),
        ({"costs": lambda batch: {"size": np.ones((len(batch), 1))}}, r"ndarray of shape \[3, 1\]"),
    ],
)
def test_an_argument_of_another_kind_is_named(wrong: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"costs": costs, "constraints": [LIMIT], "objectives": OBJECTIVES}
    with pytest.raises(SpecError, match=message):
        GreyBoxSampler(SPACE, **(right | wrong))
