"""The trials of an Optuna study as observations; each finished one is read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from tightfit import Candidate, Constraint, Hparam, Objective, SearchSpace, Sense, SpecError
from tightfit.search.observations import Observations
from tightfit.search.region import Row, as_row

_TELLING = (TrialState.COMPLETE, TrialState.PRUNED)
_SEVERAL = 4
"""Complete trials without a constraint that is awaited, from which on it was forgotten."""


class TrialTable:
    """Reads the trials of one study.

    A trial is looked at until it is finished and never again: of thousands of trials only the last
    few cost anything. Rows stand in the order of the trials' numbers, whichever ended first.

    Args:
        study: Whose trials.
        space: Of the candidates that trials suggest.
        objectives: What the study's values are.
        constraints: Whose texts trials may have set.
        metrics: Those to be read.
        awaited: Constraints that complete trials must set: nothing else tells their metric.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        *,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        metrics: Sequence[str],
        awaited: Sequence[Constraint] = (),
    ) -> None:
        # A pruner may show a sampler some of the trials alone; what was tried there counts too.
        self._storage = study._storage
        self._study_id = study._study_id
        self._space = space
        self._objectives = tuple(objectives)
        self._constraints = {str(each): each for each in constraints}
        self._metrics = tuple(metrics)
        self._confident = tuple(each for each in constraints if each.confident)
        self._rows = np.zeros((0, len(space)), dtype=np.int64)
        self._values = np.zeros((0, len(metrics)))
        self._margins = np.zeros((0, len(self._confident)))
        self._telling = np.zeros(0, dtype=np.bool_)
        self._seen: set[Row] = set()
        self._open: list[int] = []
        self._awaited = {str(each) for each in awaited}
        self._complete = 0

    def reads(self, study: optuna.Study) -> bool:
        """Whether the trials are those of a study."""
        return self._storage is study._storage and self._study_id == study._study_id

    def observations(self, number: int, proposed: Mapping[int, Row]) -> Observations:
        """Return what the study's trials tell a new one.

        Args:
            number: Of the new trial, which is not counted as running.
            proposed: By number, candidates of running trials that may not have suggested them yet.

        Raises:
            SpecError: No complete trial, of several, has set a constraint that is awaited.
        """
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._grow(len(trials))
        running = []
        still_open = []
        for each in self._open:
            trial = trials[each]
            if trial.state.is_finished():
                self._finish(trial)
                continue
            still_open.append(each)
            row = proposed.get(each) or self._row(trial)
            if each != number and row is not None and trial.state is TrialState.RUNNING:
                running.append(row)
        self._open = still_open
        if self._awaited and self._complete >= _SEVERAL:
            name = min(self._awaited)
            raise SpecError(
                f"none of {self._complete} complete trials has set the constraint {name!r}, from "
                "which its metric would be learned: call trial.set_constraint(str(constraint), "
                "constraint.excess(value))"
            )
        told = np.flatnonzero(self._telling)
        return Observations(
            rows=self._rows[told],
            values={name: self._values[told, i] for i, name in enumerate(self._metrics)},
            pending=self._space.batch([Candidate(row) for row in running]),
            seen=self._seen.union(running),
            margins={each: self._margins[told, i] for i, each in enumerate(self._confident)},
        )

    def _grow(self, count: int) -> None:
        known = len(self._rows)
        more = max(count - known, 0)
        self._open += range(known, known + more)
        self._rows = np.concatenate([self._rows, np.zeros((more, len(self._space)), np.int64)])
        self._values = np.concatenate([self._values, np.full((more, len(self._metrics)), np.nan)])
        unknown = np.full((more, len(self._confident)), np.nan)
        self._margins = np.concatenate([self._margins, unknown])
        self._telling = np.concatenate([self._telling, np.zeros(more, dtype=np.bool_)])

    def _finish(self, trial: FrozenTrial) -> None:
        row = self._row(trial)
        if row is None:
            return
        self._complete += trial.state is TrialState.COMPLETE
        self._awaited.difference_update(trial.constraints)
        self._seen.add(row)
        self._rows[trial.number] = row
        self._values[trial.number] = [self._reading(trial, metric) for metric in self._metrics]
        self._margins[trial.number] = [self._margin(trial, each) for each in self._confident]
        self._telling[trial.number] = trial.state in _TELLING

    def _row(self, trial: FrozenTrial) -> Row | None:
        """Return the candidate of a trial; ``None`` where its parameters do not say it.

        An hparam with a condition may be missing: nobody asks for it where it does not matter.
        """
        indices = [0] * len(self._space)
        for column, hparam in enumerate(self._space.hparams):
            if hparam.name in trial.params:
                indices[column] = _index(hparam, trial.params[hparam.name])
            elif hparam.active_if is None:
                return None
        return as_row(self._space.canonical(np.array([indices], dtype=np.int64))[0])

    def _reading(self, trial: FrozenTrial, metric: str) -> float:
        """Return what a trial says of a metric, NaN where it says nothing."""
        if trial.state is TrialState.COMPLETE:
            for objective, value in zip(self._objectives, trial.values, strict=True):
                if objective.metric == metric:
                    return float(value)
        for name, constraint in self._constraints.items():
            if constraint.metric == metric and name in trial.constraints:
                return _value(constraint, trial.constraints[name])
        return float("nan")

    def _margin(self, trial: FrozenTrial, limit: Constraint) -> float:
        """Return by how much what a trial held against a limit is worse than the metric's value.

        Its violation tells the end of the interval. Where the metric is no objective, that end is
        all that is known of it, and is taken for the value.
        """
        if str(limit) not in trial.constraints:
            return float("nan")
        value = self._reading(trial, limit.metric)
        over = trial.constraints[str(limit)] - limit.excess(value)
        return max(0.0, over * abs(limit.bound))


def _index(hparam: Hparam, value: Any) -> int:
    """Return the position of a value among an hparam's choices, of a number the nearest one's."""
    if value in hparam.choices:
        return hparam.choices.index(value)
    gaps = [
        abs(each - value) if isinstance(each, (int, float)) else np.inf for each in hparam.choices
    ]
    return int(np.argmin(gaps))


def _value(constraint: Constraint, violation: float) -> float:
    """Return the metric's value of which a violation is a constraint's."""
    over = violation * abs(constraint.bound)
    return constraint.bound + (over if constraint.sense is Sense.AT_MOST else -over)
