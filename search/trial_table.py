"""The trials of an Optuna study as observations; each finished one is read once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from tightfit import Candidate, Constraint, Hparam, Objective, SearchSpace, Sense, SpecError
from tightfit.search.observations import Observations, told
from tightfit.search.region import Row, as_row

_PROPOSED = "tightfit:proposed"
"""Name of the attribute of a trial that has what was proposed, from before it is suggested."""

_ROUNDED, _ROUNDED_AWAY = 1e-6, 1e-12
"""By which share of a choice a number may be off, of single precision for one, and off 0."""

_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_SEVERAL = 4
"""Complete trials without a constraint that is awaited, from which on it was forgotten."""


class TrialTable:
    """Reads the trials of one study.

    A trial is looked at until it is finished and never again: of thousands of trials only the last
    few cost anything. Rows stand in the order of the trials' numbers, whichever ended first. A
    trial with a value that is no choice of its hparam tells nothing: it is of no candidate. One
    that failed before it had suggested everything is of the candidate that it was to become.

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
        self._failed = np.zeros(0, dtype=np.bool_)
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
            proposed: By number, candidates of running trials that may not have suggested them yet,
                beside those that are written in the storage.

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
            if each != number and trial.state is TrialState.RUNNING:
                row = self._row(trial, proposed.get(each) or self._written(trial))
                running += [] if row is None else [row]
        self._open = still_open
        if self._awaited and self._complete >= _SEVERAL:
            name = min(self._awaited)
            raise SpecError(
                f"none of {self._complete} complete trials has set the constraint {name!r}, from "
                "which its metric would be learned: call trial.set_constraint(str(constraint), "
                "constraint.excess(value))"
            )
        telling = np.flatnonzero(self._telling)
        return Observations(
            rows=self._rows[telling],
            values={name: self._values[telling, i] for i, name in enumerate(self._metrics)},
            pending=self._space.batch([Candidate(row) for row in running]),
            seen=self._seen.union(running),
            margins={each: self._margins[telling, i] for i, each in enumerate(self._confident)},
            failed=self._failed[telling] if self._failed.any() else None,
        )

    def write(self, trial: FrozenTrial, row: Row) -> None:
        """Show to all that read the study what is proposed for a running trial."""
        self._storage.set_trial_system_attr(trial._trial_id, _PROPOSED, list(row))

    def chosen(self, parameters: Mapping[str, Any]) -> dict[int, int | None]:
        """Return by column the index of each hparam's choice; ``None`` for what is no choice."""
        return {
            column: _index(hparam, parameters[hparam.name])
            for column, hparam in enumerate(self._space.hparams)
            if hparam.name in parameters
        }

    def _grow(self, count: int) -> None:
        known = len(self._rows)
        more = max(count - known, 0)
        self._open += range(known, known + more)
        self._rows = np.concatenate([self._rows, np.zeros((more, len(self._space)), np.int64)])
        self._values = np.concatenate([self._values, np.full((more, len(self._metrics)), np.nan)])
        unknown = np.full((more, len(self._confident)), np.nan)
        self._margins = np.concatenate([self._margins, unknown])
        self._telling = np.concatenate([self._telling, np.zeros(more, dtype=np.bool_)])
        self._failed = np.concatenate([self._failed, np.zeros(more, dtype=np.bool_)])

    def _finish(self, trial: FrozenTrial) -> None:
        row = self._row(trial)
        if row is None:
            tried = self._row(trial, self._written(trial))
            if tried is None or trial.state is not TrialState.FAIL:
                # It tells nothing, and the same proposal would tell as little once more.
                self._seen.update([] if tried is None else [tried])
                return
            row = tried
        self._complete += trial.state is TrialState.COMPLETE
        self._awaited.difference_update(trial.constraints)
        self._seen.add(row)
        self._rows[trial.number] = row
        self._values[trial.number] = [self._reading(trial, metric) for metric in self._metrics]
        self._margins[trial.number] = [self._margin(trial, each) for each in self._confident]
        self._failed[trial.number] = self._came_to_nothing(trial)
        self._telling[trial.number] = trial.state in _ENDED or self._failed[trial.number]

    def _came_to_nothing(self, trial: FrozenTrial) -> bool:
        """Whether a trial failed, or has values that tell as little."""
        if trial.state is not TrialState.COMPLETE:
            return trial.state is TrialState.FAIL
        return any(math.isnan(told(value)) for value in trial.values)

    def _row(self, trial: FrozenTrial, proposed: Row | None = None) -> Row | None:
        """Return the candidate of a trial; ``None`` where its parameters do not say it.

        An hparam may be missing where it does not matter: nobody asks for it there.

        Args:
            trial: Its parameters are what is known for certain.
            proposed: What it is to suggest of the others.
        """
        chosen = self.chosen(trial.params)
        row = np.array([proposed or (0,) * len(self._space)], dtype=np.int64)
        for column, index in chosen.items():
            if index is None:
                return None
            row[0, column] = index
        if proposed is None:
            missing = [each for each in range(len(self._space)) if each not in chosen]
            others = row.copy()
            others[0, missing] = self._space.choice_counts[missing] - 1
            if self._space.canonical(others)[0, missing].any():
                return None
        return as_row(self._space.canonical(row)[0])

    def _written(self, trial: FrozenTrial) -> Row | None:
        """Return what was proposed for a trial, ``None`` where that is no candidate of the space.

        It may have been in another space.
        """
        row: Any = trial.system_attrs.get(_PROPOSED)
        counts = self._space.choice_counts.tolist()
        fits = (
            isinstance(row, list)
            and len(row) == len(counts)
            and all(type(each) is int for each in row)
            and all(0 <= each < count for each, count in zip(row, counts, strict=True))
        )
        return tuple(row) if fits else None

    def _reading(self, trial: FrozenTrial, metric: str) -> float:
        """Return what a trial says of a metric, NaN where it says nothing."""
        if trial.state is TrialState.COMPLETE:
            for objective, value in zip(self._objectives, trial.values, strict=True):
                if objective.metric == metric:
                    return told(float(value))
        for name, constraint in self._constraints.items():
            if constraint.metric == metric and name in trial.constraints:
                return told(_value(constraint, trial.constraints[name]))
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


def _index(hparam: Hparam, value: Any) -> int | None:
    """Return the position of a value among an hparam's choices, ``None`` where it is none of them.

    A number may have been rounded on its way, as by the steps of a distribution.
    """
    if value in hparam.choices:
        return hparam.choices.index(value)
    if not isinstance(value, (int, float)):
        return None
    for index, each in enumerate(hparam.choices):
        if isinstance(each, (int, float)) and _close(each, value):
            return index
    return None


def _close(choice: float, value: float) -> bool:
    return math.isclose(choice, value, rel_tol=_ROUNDED, abs_tol=_ROUNDED_AWAY)


def _value(constraint: Constraint, violation: float) -> float:
    """Return the metric's value of which a violation is a constraint's."""
    over = violation * abs(constraint.bound)
    return constraint.bound + (over if constraint.sense is Sense.AT_MOST else -over)
