"""The grey box in anyone's Optuna study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from tightfit import (
    Candidate,
    Constraint,
    CostModel,
    Objective,
    SearchSpace,
    SpecError,
)
from tightfit.search.arguments import check_arguments, check_costs, prior_by_hparam
from tightfit.search.fixed_choices import FixedChoices
from tightfit.search.grey_box import GreyBox
from tightfit.search.observations import Observations
from tightfit.search.region import Region, Row
from tightfit.search.screening import Screen
from tightfit.search.trial_table import TrialTable
from tightfit.search.unsuggested import Unsuggested

_TRIES = 8
"""Proposals for one trial while other processes propose the same."""


class GreyBoxSampler(BaseSampler):
    """Proposes what the grey box proposes, to ``study.optimize`` and to ``study.ask``.

    The study's values are the objectives, in their order and directions. A trial suggests every
    hparam by its name, as a category, an integer or a number, whatever has its choices among its
    values; parameters that are no hparams are drawn at random. Constraints whose metric the cost
    model does not give are learned from what the trial sets under their own text::

        constraint = Constraint("latency_ms", Sense.AT_MOST, 8.0)
        trial.set_constraint(str(constraint), constraint.excess(latency_ms))

    Proposals follow from the seed, the trial's number and the other trials alone. Running trials
    are taken to become what is expected of them, so that several workers get different candidates.
    A proposal is written to the storage when it is made, and made anew if another process wrote
    the same meanwhile; two get one candidate only where the storage shows them late what others
    write. No candidate comes twice, until every one that was found is done.

    What ``enqueue_trial`` or the trial itself has chosen already stays as it is, and the best rest
    is proposed; if no rest keeps the static limits, one that breaks them little is. Trials whose
    values are no choices tell nothing. Where trials fail, or return values that are infinite or
    beyond 1e100, others like them are expected to do so too.

    Args:
        space: The hparams.
        costs: Static metrics of batches of candidates.
        constraints: Hard limits; what breaks one on a static metric is never proposed.
        objectives: What the study's values are, 1 to 3.
        seed: Of everything random.
        prior: By name of an hparam, what each of its choices is believed to damage, ``[choices]``.
        corner: The reference point of the front, in the objectives' units, where it is known.

    Raises:
        SpecError: A prior of an unknown hparam or of another length, more than 3 objectives, two
            on one metric, two constraints of one text, a corner of another length, a space of one
            candidate, something else than a constraint, an objective or a cost model, a cost that
            is not finite; while it proposes, a study with other directions, or whose trials never
            set a constraint that is to be learned, never suggest one of the hparams, or suggest
            what is no choice.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: CostModel,
        constraints: Sequence[Constraint],
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        prior: Mapping[str, Sequence[float]] | None = None,
        corner: Sequence[float] | None = None,
    ) -> None:
        check_arguments(constraints, objectives)
        check_costs(space, costs)
        self._space = space
        self._names = {hparam.name for hparam in space.hparams}
        self._seed = seed
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self._region = Region.survey(space, Screen(space, costs, constraints, errors={}))
        damage = None if prior is None else prior_by_hparam(space.hparams, prior)
        self._grey_box = GreyBox(
            self._region, objectives, constraints, damage=damage, corner=corner
        )
        self._random = RandomSampler(seed=seed)
        self._proposed: dict[int, Row] = {}
        self._table: TrialTable | None = None
        self._unsuggested = Unsuggested(space)
        self._lock = Lock()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: which kind of distribution a trial asks for is known when it asks."""
        del study, trial
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing, for the same reason."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the proposal's choice for an hparam.

        Raises:
            SpecError: The trial asks for values among which the choice is not, or trials never
                ask for one of the hparams.
        """
        if param_name not in self._names:
            with self._lock:
                self._of(study)
                self._unsuggested.check()
            return self._random.sample_independent(study, trial, param_name, param_distribution)
        row = self._proposal(study, trial)
        column = self._space.column(param_name)
        choice = self._space.hparams[column].choices[row[column]]
        if not _holds(param_distribution, choice):
            raise SpecError(
                f"{param_name!r} must be able to take {choice!r}, a choice of the space, "
                f"but the trial asks for {param_distribution}"
            )
        return choice

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Forget the proposal: from here on the trial's own parameters tell it."""
        del values
        with self._lock:
            if state is TrialState.COMPLETE:
                self._of(study)
                row = self._proposed.get(trial.number)
                self._unsuggested.add(trial.params, None if row is None else Candidate(row))
            self._proposed.pop(trial.number, None)

    def reseed_rng(self) -> None:
        """Reseed the random draws of other parameters; proposals are seeded by their number."""
        self._random.reseed_rng()

    def _proposal(self, study: optuna.Study, trial: FrozenTrial) -> Row:
        # Threads ask at once: the second one must see what the first one got.
        with self._lock:
            table = self._of(study)
            self._unsuggested.check()
            row = self._proposed.get(trial.number)
            suggested = self._suggested(table, trial)
            if row is None or not FixedChoices(self._space, suggested).agrees(row):
                row = self._proposed[trial.number] = self._new(table, trial, suggested)
            return row

    def _of(self, study: optuna.Study) -> TrialTable:
        if self._table is None or not self._table.reads(study):
            self._table = self._read(study)
        return self._table

    def _suggested(self, table: TrialTable, trial: FrozenTrial) -> dict[int, int]:
        """Return by column the choices that a trial has by now.

        Raises:
            SpecError: It took a value that is no choice, and not because it was enqueued with it.
        """
        chosen = table.chosen(trial.params)
        for column, index in chosen.items():
            name = self._space.hparams[column].name
            if index is None and name not in _enqueued(trial):
                raise SpecError(
                    f"{name!r} must be one of {list(self._space.hparams[column].choices)}, but "
                    f"the trial suggested {trial.params[name]!r}"
                )
        return {column: index for column, index in chosen.items() if index is not None}

    def _read(self, study: optuna.Study) -> TrialTable:
        wanted = [each.direction.name for each in self._objectives]
        directions = [each.name for each in study.directions]
        if directions != wanted:
            raise SpecError(
                f"the sampler's objectives are to be {_listed(wanted)}, the study's values "
                f"{_listed(directions)}: create the study with the same directions"
            )
        self._proposed.clear()
        self._unsuggested = Unsuggested(self._space)
        return TrialTable(
            study,
            self._space,
            objectives=self._objectives,
            constraints=self._constraints,
            metrics=self._grey_box.metrics,
            awaited=self._grey_box.learned_limits,
        )

    def _new(self, table: TrialTable, trial: FrozenTrial, suggested: Mapping[int, int]) -> Row:
        """Return a proposal that is written, and that nobody else wrote before or meanwhile."""
        enqueued = table.chosen(_enqueued(trial))
        fixed = {column: index for column, index in enqueued.items() if index is not None}
        fixed.update(suggested)
        observations = table.observations(trial.number, self._proposed)
        for _ in range(_TRIES):
            row = self._row(observations, trial.number, fixed)
            table.write(trial, row)
            taken = observations.seen
            observations = table.observations(trial.number, self._proposed)
            if row in taken or row not in observations.seen:
                break
        return row

    def _row(self, observations: Observations, number: int, fixed: Mapping[int, int]) -> Row:
        rng = np.random.default_rng([self._seed, number])
        if fixed:
            return self._grey_box.complete(FixedChoices(self._space, fixed), observations, rng)
        row = self._grey_box.propose(observations, rng)
        if row is None:
            row = self._region.draw(rng, observations.seen)
        if row is None:
            row = self._region.draw(rng, frozenset())
        if row is None:
            raise SpecError("no candidate was found that keeps the static limits: relax them")
        return row

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what cannot be pickled, or would take the study along."""
        return {**self.__dict__, "_lock": None, "_table": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make anew what was left out."""
        self.__dict__.update(state)
        self._lock = Lock()


def _enqueued(trial: FrozenTrial) -> Mapping[str, Any]:
    """Return the parameters that a trial was given before it began."""
    given: Mapping[str, Any] = trial.system_attrs.get("fixed_params", {})
    return given


def _listed(directions: Sequence[str]) -> str:
    return ", ".join(f"{each.lower()}d" for each in directions)


def _holds(distribution: BaseDistribution, choice: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(choice)))
    except (ValueError, TypeError):
        return False
