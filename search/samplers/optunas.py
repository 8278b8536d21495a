"""TPE, NSGA-II and NSGA-III of Optuna.

A fresh Optuna sampler is made for every proposal and seeded for it: what a sampler remembers of its
earlier proposals would be lost to an interrupted search.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar, cast

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseGASampler,
    BaseSampler,
    NSGAIIISampler,
    NSGAIISampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState

from tightfit.search.history import POPULATION, History
from tightfit.search.region import Row
from tightfit.search.samplers.base import RedrawingSampler


class OptunaSampler(RedrawingSampler):
    """Draws from a sampler of Optuna's that learns from the history's study."""

    @abstractmethod
    def _make(self, seed: int) -> BaseSampler:
        """Return a fresh sampler."""

    def _prepare(self, sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial) -> None:
        """Bring what Optuna keeps in the study into the state it has in every process."""

    def _draws(self, history: History, rng: np.random.Generator) -> Iterator[Row]:
        study, distributions = history.study, history.distributions
        sampler = self._make(int(rng.integers(2**31)))
        number = study.ask().number
        self._prepare(sampler, study, study.get_trials(deepcopy=False)[number])
        try:
            while True:
                trial = study.get_trials(deepcopy=False)[number]
                joint = sampler.infer_relative_search_space(study, trial)
                drawn = sampler.sample_relative(study, trial, distributions if joint else {})
                for name, distribution in distributions.items():
                    if name not in drawn:
                        drawn[name] = sampler.sample_independent(study, trial, name, distribution)
                yield history.row(cast("dict[str, int]", drawn))
        finally:
            study.tell(number, state=TrialState.FAIL)


class TpeSampler(OptunaSampler):
    """Tree-structured Parzen estimators (Bergstra et al., 2011; Ozaki et al., 2022).

    Multivariate: with one model for all hparams a proposal took 0.01 s where one for each took
    0.06 s (19 hparams, up to 100 trials, refused draws included). It learns from refused draws,
    which it is told as pruned trials with their violations.
    """

    name: ClassVar[str] = "tpe"
    startup: ClassVar[int] = 10
    redraws: ClassVar[int] = 8
    told: ClassVar[int] = 4

    def _make(self, seed: int) -> BaseSampler:
        return TPESampler(seed=seed, n_startup_trials=0, constant_liar=False, multivariate=True)


class GeneticSampler(OptunaSampler):
    """Crossings of a population of 20, with constrained domination.

    It looks at evaluated candidates alone, so it is told no refused draws.
    """

    startup: ClassVar[int] = POPULATION
    redraws: ClassVar[int] = 50

    def _prepare(self, sampler: BaseSampler, study: optuna.Study, trial: FrozenTrial) -> None:
        """Let the parents of every generation be chosen and kept, the earliest first.

        Optuna returns the same parents in another order when it has just chosen them, and children
        depend on the order. NSGA-III chooses some of them by lot: a generation's lot is its own.
        """
        assert isinstance(sampler, BaseGASampler)
        for generation in range(1, sampler.get_trial_generation(study, trial) + 1):
            chooser = self._make(generation)
            assert isinstance(chooser, BaseGASampler)
            chooser.get_parent_population(study, generation)


class Nsga2Sampler(GeneticSampler):
    """NSGA-II (Deb et al., 2002): what survives is ranked by crowding distance."""

    name: ClassVar[str] = "nsga2"

    def _make(self, seed: int) -> BaseSampler:
        return NSGAIISampler(population_size=POPULATION, seed=seed)


class Nsga3Sampler(GeneticSampler):
    """NSGA-III (Deb and Jain, 2014): reference points spread what survives."""

    name: ClassVar[str] = "nsga3"

    def _make(self, seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return NSGAIIISampler(population_size=POPULATION, seed=seed)
