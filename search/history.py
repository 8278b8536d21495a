"""What a sampler learns from: the finished records as trials of an Optuna study in memory.

The samplers do not read the study in the storage. They get a copy of its trials with what they need
beside them: refused proposals as pruned trials, and for each trial the constraints that the static
screen leaves open. The copy follows from the records alone, so that an interrupted search, which
builds it anew, goes on as an uninterrupted one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from tightfit import Constraint, Objective, Outcome, Record, SearchSpace
from tightfit.search.early import Ends
from tightfit.search.ledger import Entry
from tightfit.search.region import Row
from tightfit.search.screening import Screen

POPULATION = 20
"""Members of a generation of NSGA-II and -III: few, as studies have tens to hundreds of trials."""

SETTLED = (Outcome.EVALUATED, Outcome.SCREENED)
"""Outcomes that another evaluation would not change; another training may go on, or not fail."""


class History:
    """The finished records of a search.

    Attributes:
        study: For samplers; hparams with one choice are left out.
        distributions: Of ``study``'s parameters, in the space's order.
        open_constraints: Those that the static screen does not decide, in the study's order; the
            constraints of every evaluated trial of ``study``.
        completed: How many records the samplers can learn objective values from.
        seen: The first record of every candidate, a settled one where there is any, by its indices.
        screened: The records that were screened out, untrained.
        entries: All of them, in trial order.
    """

    def __init__(
        self,
        space: SearchSpace,
        screen: Screen,
        *,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
    ) -> None:
        self._space = space
        self._screen = screen
        self.objectives = tuple(objectives)
        _, self.open_constraints = screen.split(constraints)
        self.study = optuna.create_study(
            directions=[StudyDirection[objective.direction.name] for objective in objectives],
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        self.distributions: dict[str, BaseDistribution] = {
            hparam.name: IntDistribution(0, len(hparam.choices) - 1)
            for hparam in space.hparams
            if len(hparam.choices) > 1
        }
        self.completed = 0
        self.seen: dict[Row, Record] = {}
        self.screened: list[Record] = []
        self.entries: list[Entry] = []
        self._told = 0

    def add(self, entry: Entry) -> None:
        """Learn from a finished record. Copies and failed ones teach nothing."""
        record = entry.record
        for row in entry.refused[self._told :]:
            self.refuse(row)
        self._told = 0
        self.entries.append(entry)
        known = self.seen.get(record.candidate.indices)
        if known is not None:
            if known.outcome in SETTLED or record.outcome not in SETTLED:
                return
            del self.seen[record.candidate.indices]  # what is known now was read last
        self.seen[record.candidate.indices] = record
        if record.outcome is Outcome.EVALUATED:
            self._add_evaluated(record)
        elif record.outcome is Outcome.STOPPED:
            self._add_stopped(record)
        elif record.outcome is Outcome.SCREENED:
            self.screened.append(record)
            self._add_pruned(record.candidate.indices, record.violations)

    def refuse(self, row: Row) -> None:
        """Learn from a proposal that broke a static limit, before its successor is evaluated."""
        violations = self._screen.violations(np.array([row], dtype=np.int64))[0].tolist()
        names = [str(constraint) for constraint in self._screen.constraints]
        self._add_pruned(row, dict(zip(names, violations, strict=True)))
        self._told += 1

    def parameters(self, row: Row) -> dict[str, int]:
        """Return a row of indices as the parameters of ``study``."""
        named = zip(self._space.hparams, row, strict=True)
        return {hparam.name: index for hparam, index in named if len(hparam.choices) > 1}

    def row(self, parameters: dict[str, int]) -> Row:
        """Return parameters of ``study`` as a canonical row of indices."""
        indices = [int(parameters.get(hparam.name, 0)) for hparam in self._space.hparams]
        return self._space.candidate(tuple(indices)).indices

    def _add_evaluated(self, record: Record) -> None:
        """Every evaluated trial has the same constraints in the same order.

        GP and the genetic samplers need that. Limits that the screen decides exactly are left out:
        every evaluated candidate keeps them, and a model of each would cost time and teach nothing.
        """
        self._add_trial(
            record.candidate.indices,
            TrialState.COMPLETE,
            values=[record.measurement.value(each.metric) for each in self.objectives],
            constraints={str(each): record.violations[str(each)] for each in self.open_constraints},
            # Trials that a genetic sampler was not asked for are no parents without a generation.
            system_attrs={
                sampler._get_generation_key(): self.completed // POPULATION
                for sampler in (NSGAIISampler, NSGAIIISampler)
            },
        )
        self.completed += 1

    def _add_stopped(self, record: Record) -> None:
        """A stopped candidate is told with the end that is expected of it by now.

        Where that says nothing of an objective or a limit, it teaches nothing.
        """
        ends = Ends(self.seen.values())
        if not ends.known(record.rungs[-1]):
            return
        expected = ends.measurement(record.rungs[-1])
        wanted = {each.metric for each in self.objectives}
        wanted |= {each.metric for each in self.open_constraints}
        if all(metric in expected for metric in wanted):
            violations = {str(each): each.violation(expected) for each in self.open_constraints}
            self._add_evaluated(replace(record, measurement=expected, violations=violations))

    def _add_pruned(self, row: Row, violations: Mapping[str, float]) -> None:
        """An untrained candidate has violations and no values; without a broken limit, nothing."""
        if any(violation > 0 for violation in violations.values()):
            self._add_trial(row, TrialState.PRUNED, constraints=dict(violations))

    def _add_trial(
        self,
        row: Row,
        state: TrialState,
        *,
        constraints: dict[str, float],
        values: list[float] | None = None,
        system_attrs: dict[str, int] | None = None,
    ) -> None:
        self.study.add_trial(
            optuna.create_trial(
                state=state,
                values=values,
                params=self.parameters(row),
                distributions=self.distributions,
                constraints=constraints,
                system_attrs=system_attrs,
            )
        )
