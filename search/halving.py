"""Trainings that are hopeless end early: asynchronous successive halving for several objectives.

At a rung, a share of the training's steps, a candidate goes on when it is among the best ``keep``
of those that came to that rung so far, and is stopped for good otherwise (Li et al., "A system for
massively parallel hyperparameter tuning", 2020, in the variant that stops; Schmucker et al.,
"Multi-objective asynchronous successive halving", 2021). "Best" is
:func:`tightfit.search.ranking.ranking` over objectives and limits: those of the others as they were
read in the end, or are expected of it (:mod:`tightfit.search.early`), its own with the luck of half
a standard deviation. Near the front candidates differ by less than early readings are off: without
the benefit of that doubt its members are stopped as well.

What goes on is the same training, so it costs what it would have cost without rungs, and no weights
have to be kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    FloatArray,
    Measurement,
    Objective,
    Outcome,
    Record,
    Rung,
    RungEvaluator,
    Sense,
    SpecError,
)
from tightfit.search.early import Ends
from tightfit.search.hypervolume import as_losses
from tightfit.search.judge import lacks_reading
from tightfit.search.ranking import ranking
from tightfit.search.samplers import SAMPLER_NAMES

LUCK = 0.5
"""Standard deviations by which a candidate may do better than an early reading lets expect."""

FIRST = 4
"""Candidates at a rung that go on whatever they are: nothing is known to compare them with."""


class Halving:
    """An :class:`tightfit.Evaluator` that ends trainings early.

    Reference candidates, which no sampler proposed, are trained to their end.

    Args:
        evaluator: Asks at each rung.
        keep: Which share of the candidates at a rung goes on.
        objectives: Of the study; a metric that is read at no rung is left out.
        constraints: The same.
        known: Records of the search so far.

    Raises:
        SpecError: ``keep`` is not between 0 and 1.
    """

    def __init__(
        self,
        evaluator: RungEvaluator,
        *,
        keep: float,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        known: Iterable[Record] = (),
    ) -> None:
        if not 0 < keep < 1:
            raise SpecError(f"'keep' must lie between 0 and 1, got {keep}")
        self._evaluator = evaluator
        self._keep = keep
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self._needed = {each.metric for each in self._objectives}
        self._needed |= {each.metric for each in self._constraints}
        self._luck = _luck(self._objectives, self._constraints)
        self._known: dict[Candidate, Record] = {}
        for record in known:
            self._remember(record)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the candidate's record. See :class:`tightfit.Evaluator`."""
        asked = origin in SAMPLER_NAMES

        def go_on(rung: Rung) -> bool:
            return not asked or self._promising(candidate, rung)

        record = self._evaluator.evaluate_by_rungs(candidate, origin, number, go_on)
        # An answer for another candidate is kept as a failure (search/judge.py).
        if record.candidate == candidate:
            self._remember(record)
        return record

    def _remember(self, record: Record) -> None:
        # With one that lacks a reading nobody could be compared; the search keeps it as failed.
        failed = record.outcome is Outcome.FAILED or lacks_reading(record, self._needed)
        # A candidate whose evaluation was interrupted comes again, and counts once.
        if record.rungs and not failed:
            self._known[record.candidate] = record

    def _promising(self, candidate: Candidate, rung: Rung) -> bool:
        """Return whether a candidate is among the best that came to a rung."""
        ends = Ends(self._known.values())
        others = [
            record.measurement if record.outcome is Outcome.EVALUATED else ends.measurement(each)
            for record in self._known.values()
            if record.candidate != candidate
            for each in record.rungs
            if each.share == rung.share
        ]
        if len(others) < FIRST or not ends.known(rung):
            return True
        expected = [*others, ends.measurement(rung, self._luck)]
        order = ranking(self._losses(expected), self._violations(expected))
        place = order.tolist().index(len(others))
        return bool(place < math.ceil(self._keep * len(expected)))

    def _losses(self, expected: Sequence[Measurement]) -> FloatArray:
        known = [each for each in self._objectives if all(each.metric in one for one in expected)]
        values = [[one.value(each.metric) for each in known] for one in expected]
        return as_losses(np.array(values), [each.direction for each in known])

    def _violations(self, expected: Sequence[Measurement]) -> FloatArray:
        return np.array(
            [
                sum(
                    max(0.0, limit.violation(one))
                    for limit in self._constraints
                    if limit.metric in one
                )
                for one in expected
            ]
        )


def _luck(objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> dict[str, float]:
    """Return by metric what is added to it where a candidate is lucky, in standard deviations."""
    wanted = {each.metric: each.sense is Sense.AT_LEAST for each in constraints}
    wanted |= {each.metric: each.direction is Direction.MAXIMIZE for each in objectives}
    return {metric: LUCK if more else -LUCK for metric, more in wanted.items()}
