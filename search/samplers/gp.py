"""Gaussian processes: few trials, at the price of a second of computing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
from optuna._gp.thread_limiting import limit_threads_in_optimization
from optuna.samplers import GPSampler
from optuna.trial import TrialState

from tightfit import FloatArray, IntArray, Objective
from tightfit.search.front import nearest_misses, pareto_front
from tightfit.search.history import History
from tightfit.search.region import Region, as_row
from tightfit.search.samplers.base import Proposal, Sampler

Acquisition: TypeAlias = Callable[[FloatArray], FloatArray]
"""Worth of evaluating each of a batch ``[n, parameters]`` of the unit cube, ``[n]``."""

_RANDOM, _CHANGED = 384, 640
_CLIMBERS = 4
_SCREENED = 100
_ROUNDS = 4


class GaussianProcessSampler(Sampler):
    """Optuna's Gaussian processes with an acquisition that looks at allowed candidates only.

    One process models each objective and each constraint that the static screen leaves open; the
    acquisition is the expected hypervolume improvement (expected improvement for one objective)
    times the probability of keeping those constraints. Optuna searches its maximum over the whole
    space, where almost nothing keeps narrow limits. Here it is searched among unseen candidates
    that keep the static limits: random ones and changes of the best evaluated ones, then, from the
    best of these, steps of single hparams for as long as they improve.

    Optuna's processes see evaluated candidates only. Those of the constraints see here also the
    violations of candidates that a runtime limit screened out: they were measured, and without them
    the same corner would be proposed over and over. Refused proposals teach it nothing, and need
    not: it proposes none.
    """

    name: ClassVar[str] = "gp"
    startup: ClassVar[int] = 8

    def __init__(self, region: Region, objectives: tuple[Objective, ...]) -> None:
        super().__init__(region)
        self._objectives = objectives
        counts = region.space.choice_counts
        self._columns = np.flatnonzero(counts > 1)
        self._counts = counts[self._columns]

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        pool = self._pool(history, rng)
        if not len(pool):
            return self._drawn(history, rng)
        sampler = _AllowedGPSampler(
            lambda acquisition: self._climb(acquisition, pool, history),
            seed=int(rng.integers(2**31)),
            screened=self._screened(history),
        )
        study = history.study
        number = study.ask().number
        try:
            trial = study.get_trials(deepcopy=False)[number]
            # Many small operations: threads that wait for each other make it 7 times slower.
            with limit_threads_in_optimization():
                drawn: dict[str, Any] = sampler.sample_relative(study, trial, history.distributions)
        finally:
            study.tell(number, state=TrialState.FAIL)
        return Proposal(history.row(drawn), self.name)

    def _screened(self, history: History) -> list[tuple[FloatArray, FloatArray]]:
        """Return what was read of screened candidates, for each open constraint.

        Points of the unit cube ``[n, parameters]`` and their violations ``[n]``, the latest
        ``_SCREENED`` only.
        """
        readings = []
        for constraint in map(str, history.open_constraints):
            known = [each for each in history.screened if constraint in each.violations]
            known = known[-_SCREENED:]
            batch = self.region.space.batch([record.candidate for record in known])
            violations = np.array([record.violations[constraint] for record in known])
            readings.append((self._unit(batch), violations))
        return readings

    def _pool(self, history: History, rng: np.random.Generator) -> IntArray:
        """Return unseen candidates that keep the static limits, ``[n, hparams]``."""
        space = self.region.space
        evaluated = [each.record for each in history.entries]
        best = pareto_front(evaluated, self._objectives).members or nearest_misses(evaluated, 4)
        parents = space.batch([record.candidate for record in best])
        changed = parents[rng.integers(len(parents), size=_CHANGED)] if len(parents) else parents
        rows = np.arange(len(changed))
        for share in (1.0, 0.6, 0.3):
            chosen = rows[rng.random(len(rows)) < share]
            columns = rng.choice(self._columns, size=len(chosen))
            changed[chosen, columns] = rng.integers(0, space.choice_counts[columns])
        changed = space.canonical(changed)
        changed = changed[self.region.screen.keeps(changed)]
        pool = self._unseen(np.concatenate([self.region.draws(_RANDOM, rng), changed]), history)
        if not len(pool):
            row = self.region.draw(rng, history.seen.keys())
            return pool if row is None else np.array([row], dtype=np.int64)
        return pool

    def _climb(self, acquisition: Acquisition, pool: IntArray, history: History) -> FloatArray:
        """Return the allowed point of the unit cube that climbing from the pool's best reaches."""
        worth = acquisition(self._unit(pool))
        for _ in range(_ROUNDS):
            top = np.argsort(-worth, kind="stable")[:_CLIMBERS]
            pool, worth = pool[top], worth[top]
            steps = self._steps(pool)
            steps = self._unseen(steps[self.region.screen.keeps(steps)], history)
            if not len(steps):
                break
            gained = acquisition(self._unit(steps))
            improved = gained.max() > worth.max()
            pool, worth = np.concatenate([pool, steps]), np.concatenate([worth, gained])
            if not improved:
                break
        best: FloatArray = self._unit(pool[[int(np.argmax(worth))]])[0]
        return best

    def _steps(self, batch: IntArray) -> IntArray:
        """Return every candidate one index up or down of one of ``batch``, ``[n, hparams]``."""
        width = batch.shape[1]
        moves = np.concatenate([np.eye(width, dtype=np.int64), -np.eye(width, dtype=np.int64)])
        steps = (batch[:, None] + moves[None]).reshape(-1, width)
        inside = ((steps >= 0) & (steps < self.region.space.choice_counts)).all(axis=1)
        return self.region.space.canonical(steps[inside])

    def _unseen(self, batch: IntArray, history: History) -> IntArray:
        """Return the different candidates of ``batch`` that have no record."""
        unique = np.unique(batch, axis=0)
        return unique[[as_row(row) not in history.seen for row in unique]]

    def _unit(self, batch: IntArray) -> FloatArray:
        """Return candidates ``[n, hparams]`` as Optuna scales them, ``[n, parameters]``."""
        scaled: FloatArray = (batch[:, self._columns] + 0.5) / self._counts
        return scaled


class _AllowedGPSampler(GPSampler):
    """A GP sampler whose acquisition is maximized by ours, and whose constraints know more."""

    def __init__(
        self,
        maximize: Callable[[Acquisition], FloatArray],
        *,
        seed: int,
        screened: list[tuple[FloatArray, FloatArray]],
    ) -> None:
        super().__init__(seed=seed, n_startup_trials=0)
        self._maximize = maximize
        self._screened = screened

    def _get_constraints_acqf_args(
        self, constraint_vals: FloatArray, internal_search_space: Any, normalized_params: FloatArray
    ) -> tuple[list[Any], list[float]]:
        """Return a process and its threshold for each constraint, ``constraint_vals [n, c]``."""
        processes: list[Any] = []
        thresholds: list[float] = []
        for column, (points, violations) in enumerate(self._screened):
            # What it keeps is for the next call of the same sampler, and of other constraints.
            self._constraints_gprs_cache_list = None
            process, threshold = super()._get_constraints_acqf_args(
                np.concatenate([constraint_vals[:, column], violations])[:, None],
                internal_search_space,
                np.concatenate([normalized_params, points]),
            )
            processes += process
            thresholds += threshold
        return processes, thresholds

    def _optimize_acqf(self, acqf: Any, best_params: FloatArray | None) -> FloatArray:
        del best_params
        return self._maximize(acqf.eval_acqf_no_grad)
