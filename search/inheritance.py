"""A candidate's training may begin with what another candidate has learned.

From whom is decided here, by choices alone: from the nearest candidate whose weights are kept.
Whether it does is decided where networks are known, by comparing both starts.

Kept are the weights of the front's members and of the ``KEPT`` candidates that were evaluated last:
a bounded number, which follows from the records, so that an interrupted search has the donors that
it would have had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from tightfit import (
    Candidate,
    FloatArray,
    GoOn,
    InheritingEvaluator,
    Objective,
    Outcome,
    Record,
    SearchSpace,
)
from tightfit.search.front import pareto_front
from tightfit.search.judge import lacks_reading
from tightfit.search.samplers import SAMPLER_NAMES

KEPT = 16
"""Candidates, the last evaluated ones, whose weights are kept whether they are good or not."""


def weights_kept(
    records: Iterable[Record], objectives: Sequence[Objective]
) -> tuple[Candidate, ...]:
    """Return the candidates whose weights are kept, in the order in which they were evaluated."""
    evaluated: dict[Candidate, Record] = {}
    read = [each.metric for each in objectives]
    for record in records:
        if record.outcome is Outcome.EVALUATED and not lacks_reading(record, read):
            evaluated.setdefault(record.candidate, record)
    members = pareto_front(tuple(evaluated.values()), objectives).members
    kept = {*list(evaluated)[-KEPT:], *(member.candidate for member in members)}
    return tuple(candidate for candidate in evaluated if candidate in kept)


class Inheriting:
    """A :class:`tightfit.RungEvaluator` that names donors for what a sampler proposed.

    Reference candidates inherit nothing: they tell what plain ways reach. Others inherit from them.

    Args:
        evaluator: Begins trainings with the weights of candidates that it evaluated.
        space: The hparams.
        shaping: Names of the hparams that say which weights a network has.
        objectives: Of the study; the front's members keep their weights.
        known: Records of the search so far.
    """

    def __init__(
        self,
        evaluator: InheritingEvaluator,
        *,
        space: SearchSpace,
        shaping: Collection[str],
        objectives: Sequence[Objective],
        known: Iterable[Record] = (),
    ) -> None:
        self._evaluator = evaluator
        self._shaping = np.array([each.name in shaping for each in space.hparams])
        self._spans = np.array([max(1, len(each.choices) - 1) for each in space.hparams])
        self._objectives = tuple(objectives)
        self._records = list(known)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the candidate's record. See :class:`tightfit.Evaluator`."""
        evaluator = self._evaluator.starting_from(self._donors(candidate, origin))
        return self._kept(evaluator.evaluate(candidate, origin, number))

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        """Return the candidate's record, and ask. See :class:`tightfit.RungEvaluator`."""
        evaluator = self._evaluator.starting_from(self._donors(candidate, origin))
        return self._kept(evaluator.evaluate_by_rungs(candidate, origin, number, go_on))

    def nearest(self, candidate: Candidate) -> tuple[Candidate, ...]:
        """Return the candidates whose weights are kept, nearest first.

        Near is first of all who differs little in what shapes the weights, then in the rest:
        differences of choices, each as a share of its hparam's list, are summed. Of candidates that
        are equally near the one that was evaluated last is first.
        """
        kept = weights_kept(self._records, self._objectives)[::-1]
        donors = [each for each in kept if each != candidate]
        if not donors:
            return ()
        rows = np.array([each.indices for each in donors])
        apart: FloatArray = np.abs(rows - np.array(candidate.indices)) / self._spans
        order = np.lexsort(
            (
                np.arange(len(donors)),
                apart[:, ~self._shaping].sum(axis=1).round(9),
                apart[:, self._shaping].sum(axis=1).round(9),
            )
        )
        return tuple(donors[place] for place in order)

    def _donors(self, candidate: Candidate, origin: str) -> tuple[Candidate, ...]:
        return self.nearest(candidate) if origin in SAMPLER_NAMES else ()

    def _kept(self, record: Record) -> Record:
        self._records.append(record)
        return record
