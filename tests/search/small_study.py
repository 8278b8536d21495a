"""Studies of Optuna over a space of 48 candidates, which is quick to search."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import optuna

from tightfit import (
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Objective,
    SearchSpace,
    Sense,
)
from tightfit.search import GreyBoxSampler

SPACE = SearchSpace(
    (
        Hparam("a", (1, 2, 4, 8)),
        Hparam("b", (2, 4, 8)),
        Hparam("c", (0.5, 1.0)),
        Hparam("d", ("x", "y")),
    )
)
LIMIT = Constraint("size", Sense.AT_MOST, 10.0)
OBJECTIVES = (Objective("error", Direction.MINIMIZE), Objective("size", Direction.MINIMIZE))

Params: TypeAlias = tuple[int, int, float, str]
Values: TypeAlias = tuple[float, float]


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return ``a + b * c``."""
    a, b, c = (
        np.array(SPACE.hparams[column].choices, dtype=np.float64)[batch[:, column]]
        for column in range(3)
    )
    return {"size": a + b * c}


def sampler(seed: int = 0) -> GreyBoxSampler:
    """Return a sampler that is told nothing but the costs and one limit."""
    return GreyBoxSampler(SPACE, costs, [LIMIT], OBJECTIVES, seed=seed)


def study(seed: int = 0, storage: optuna.storages.BaseStorage | None = None) -> optuna.Study:
    """Return a study with a sampler of its own; of one storage all are the same study."""
    return optuna.create_study(
        study_name="small",
        storage=storage or optuna.storages.InMemoryStorage(),
        directions=["minimize", "minimize"],
        sampler=sampler(seed),
        load_if_exists=True,
    )


def params(trial: optuna.Trial | optuna.trial.FrozenTrial) -> Params:
    """Return what a trial has suggested."""
    a, b, c, d = (trial.params[hparam.name] for hparam in SPACE.hparams)
    return a, b, c, d


def size(chosen: Params) -> float:
    """Return the cost that is limited."""
    return chosen[0] + chosen[1] * chosen[2]


def suggest(trial: optuna.Trial) -> Params:
    """Suggest every hparam, the first one last."""
    for hparam in reversed(SPACE.hparams):
        trial.suggest_categorical(hparam.name, hparam.choices)
    return params(trial)


def objective(trial: optuna.Trial) -> Values:
    """Return the error, which falls with everything that makes a candidate large, and its size."""
    return values(suggest(trial))


def values(chosen: Params) -> Values:
    """Return the objectives of a candidate."""
    a, b, c, d = chosen
    return 2.0 / a + 1.0 / b + (0.3 if c < 1 else 0.0) + (0.2 if d == "x" else 0.0), size(chosen)
