"""How long the grey box takes for one trial, beside Optuna's samplers.

    python -m benchmarks.proposal_time

Studies in memory are filled with candidates that keep the limits. Then trials are asked for,
suggest every hparam and are told, as a user's loop does it. Processor time of one thread, in
milliseconds: other work on the machine disturbs it less than time on the wall. *First* is the first
trial, with variances found anew; *median* and *mean* are of those after it. *Nothing* is the first
trial of an empty study, which is an allocation from nothing, with the making of the sampler.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from tests.integration import chain_problem, synthetic_problem
from tightfit import Constraint, CostModel, FloatArray, IntArray, Objective, SearchSpace
from tightfit.search import GreyBoxSampler
from tightfit.search.region import Region
from tightfit.search.screening import Screen

DIRECTIONS = (StudyDirection.MINIMIZE, StudyDirection.MINIMIZE)


@dataclass(frozen=True)
class Setting:
    """What is asked about.

    Attributes:
        objectives: An error that ``errors`` gives, and a size that ``costs`` gives.
        trials: How many the study has.
    """

    space: SearchSpace
    costs: CostModel
    errors: Callable[[IntArray], FloatArray]
    constraints: tuple[Constraint, ...]
    objectives: tuple[Objective, ...]
    trials: int

    def values(self, batch: IntArray) -> FloatArray:
        """Return the objectives of a batch ``[n, hparams]``, ``[n, 2]``."""
        return np.column_stack([self.errors(batch), self.costs(batch)["size"]])


def settings() -> tuple[Setting, ...]:
    """Return 3,000 trials with 19 hparams, and 1,000 trials with 200."""
    chain = chain_problem.Chain(100)
    return (
        Setting(
            synthetic_problem.SPACE,
            synthetic_problem.costs,
            synthetic_problem.errors,
            synthetic_problem.CONSTRAINTS,
            synthetic_problem.OBJECTIVES,
            3_000,
        ),
        Setting(
            chain.space,
            chain.costs,
            chain.errors,
            chain_problem.CONSTRAINTS,
            chain_problem.OBJECTIVES,
            1_000,
        ),
    )


def filled(setting: Setting, sampler: BaseSampler) -> optuna.Study:
    """Return a study in memory with candidates that keep the limits, each once."""
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler)
    space = setting.space
    screen = Screen(space, setting.costs, setting.constraints, errors={})
    region, rng = Region.survey(space, screen), np.random.default_rng(0)
    rows = np.empty((0, len(space)), dtype=np.int64)
    while len(rows) < setting.trials:
        rows = np.unique(np.concatenate([rows, region.draws(setting.trials, rng)]), axis=0)
    rows = rng.permutation(rows)[: setting.trials]
    distributions: dict[str, BaseDistribution] = {
        h.name: CategoricalDistribution(h.choices) for h in space.hparams
    }
    for row, values in zip(rows, setting.values(rows).tolist(), strict=True):
        params = space.choices(space.candidate(row))
        study.add_trial(
            optuna.create_trial(values=values, params=params, distributions=distributions)
        )
    return study


def one(setting: Setting, study: optuna.Study) -> float:
    """Return the seconds of processor time of one trial, without those of its evaluation."""
    began = time.process_time()
    trial = study.ask()
    chosen = {h.name: trial.suggest_categorical(h.name, h.choices) for h in setting.space.hparams}
    asked = time.process_time()
    batch = setting.space.batch([setting.space.from_choices(chosen)])
    values = setting.values(batch).ravel().tolist()
    evaluated = time.process_time()
    study.tell(trial, values)
    return time.process_time() - evaluated + asked - began


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print("| hparams | trials | sampler | nothing | first | median | mean |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for setting in settings():
        for name in ("greybox", "optuna:tpe"):
            began = time.process_time()
            sampler = make(setting, name)
            made = time.process_time() - began
            empty = one(setting, optuna.create_study(directions=DIRECTIONS, sampler=sampler))
            study = filled(setting, sampler)
            seconds = np.array([one(setting, study) for _ in range(arguments.repeats + 1)])
            cells = [made + empty, seconds[0], np.median(seconds[1:]), seconds[1:].mean()]
            shown = " | ".join(f"{1e3 * each:.0f}" for each in cells)
            print(f"| {len(setting.space)} | {setting.trials} | {name} | {shown} |", flush=True)


def make(setting: Setting, name: str) -> BaseSampler:
    """Return the sampler of that name."""
    if name == "optuna:tpe":
        return optuna.samplers.TPESampler(seed=0)
    return GreyBoxSampler(
        setting.space, setting.costs, setting.constraints, setting.objectives, seed=0
    )


if __name__ == "__main__":
    main()
