"""What samplers are compared on: a space whose every answer is at hand, and its best front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import optuna

from tightfit import (
    Candidate,
    Constraint,
    FloatArray,
    IntArray,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    SearchSpace,
    Stage,
)
from tightfit.search import hypervolume

Values = Mapping[str, float]
"""One candidate's value of every metric."""


class Problem(Protocol):
    """A problem for samplers."""

    @property
    def space(self) -> SearchSpace:
        """The hparams."""
        ...

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What the front trades off."""
        ...

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Hard limits, in the order in which a plain study tells them."""
        ...

    @property
    def corner(self) -> FloatArray:
        """From which on a front is of worth, one value an objective."""
        ...

    @property
    def best(self) -> float:
        """The hypervolume of the best front up to the corner."""
        ...

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        """Return what is known of a batch ``[n, hparams]`` before training, each ``[n]``."""
        ...

    def answers(self, batch: IntArray, seed: int) -> dict[str, FloatArray]:
        """Return what training reads of a batch, noise of the seed included, each ``[n]``."""
        ...

    def truth(self, batch: IntArray) -> dict[str, FloatArray]:
        """Return what the same is without noise."""
        ...

    def prior(self, seed: int) -> list[FloatArray]:
        """Return by hparam what each choice is believed to damage, ``[choices]`` or empty."""
        ...

    def asked(self, trial: optuna.Trial, seed: int) -> tuple[Values, Values]:
        """Return what a plain study reads of a trial's suggestions, and the truth of it."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """Evaluates candidates by looking them up. See :class:`tightfit.Evaluator`.

    Attributes:
        problem: Has the answers.
        seed: Of their noise.
    """

    problem: Problem
    seed: int

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a candidate that keeps the limits on its costs."""
        del number
        batch = self.problem.space.batch([candidate])
        counted = self._readings(self.problem.costs(batch), Kind.COUNTED, Stage.STATIC)
        learned = self._readings(
            self.problem.answers(batch, self.seed), Kind.MEASURED, Stage.LEARNED
        )
        measurement = Measurement(counted | learned)
        return Record(
            candidate=candidate,
            outcome=Outcome.EVALUATED,
            measurement=measurement,
            violations={
                str(each): each.violation(measurement) for each in self.problem.constraints
            },
            origin=origin,
            fingerprint="answers",
            trained=True,
        )

    @staticmethod
    def _readings(values: Mapping[str, FloatArray], kind: Kind, stage: Stage) -> dict[str, Reading]:
        return {name: Reading(float(value[0]), kind, stage) for name, value in values.items()}


def curve(problem: Problem, truths: Sequence[Values]) -> FloatArray:
    """Return the share of the best hypervolume after each training, ``[trainings]``."""
    directions = [objective.direction for objective in problem.objectives]
    front: list[list[float]] = []
    shares = []
    for values in truths:
        if all(each.excess(values[each.metric]) <= 0 for each in problem.constraints):
            front.append([values[objective.metric] for objective in problem.objectives])
        shares.append(hypervolume(np.array(front), problem.corner, directions=directions))
    found: FloatArray = np.array(shares) / problem.best
    return found


def truths(problem: Problem, batch: IntArray) -> list[Values]:
    """Return the true value of every metric for each candidate of a batch ``[n, hparams]``."""
    columns = {**problem.costs(batch), **problem.truth(batch)}
    return [
        {name: float(values[place]) for name, values in columns.items()}
        for place in range(len(batch))
    ]
