"""The Pareto front: the feasible records that no other feasible record beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tightfit import FloatArray, Objective, Outcome, Record, SpecError
from tightfit.search.hypervolume import as_losses, hypervolume, non_dominated


@dataclass(frozen=True, slots=True)
class Front:
    """The members of a front, best first by the first objective.

    Attributes:
        objectives: One to three.
        members: Feasible records, none better than another in every objective. Of records with
            equal objective values only the earliest is a member.
    """

    objectives: tuple[Objective, ...]
    members: tuple[Record, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.objectives) <= 3:
            raise SpecError(f"a front takes 1 to 3 objectives, got {len(self.objectives)}")

    def __len__(self) -> int:
        return len(self.members)

    @property
    def values(self) -> FloatArray:
        """Objective values in their own units, ``[members, objectives]``."""
        return _values(self.members, self.objectives)

    def best(self, metric: str) -> Record:
        """Return the member that is best by one of the objectives.

        Raises:
            SpecError: ``metric`` is not an objective, or the front is empty.
        """
        for column, objective in enumerate(self.objectives):
            if objective.metric == metric:
                losses = as_losses(self.values, [each.direction for each in self.objectives])
                return self._member(losses[:, column])
        known = ", ".join(repr(objective.metric) for objective in self.objectives)
        raise SpecError(f"{metric!r} is not an objective of this front; pick one of {known}")

    def knee(self) -> Record:
        """Return the member that gives up least in all objectives together.

        Every objective is scaled to 0 at the front's best value and 1 at its worst; the knee has
        the least sum. With two objectives that is the member farthest from the straight line
        between the two extremes, on the side of the ideal point (Das, 1999). Of equals it is the
        one that is better in the first objective.

        Raises:
            SpecError: The front is empty.
        """
        losses = as_losses(self.values, [each.direction for each in self.objectives])
        if len(losses):
            span = np.ptp(losses, axis=0)
            losses = (losses - losses.min(axis=0)) / np.where(span > 0, span, 1.0)
        return self._member(losses.sum(axis=1))

    def hypervolume(self, reference: FloatArray) -> float:
        """Return the hypervolume up to ``reference`` ``[objectives]``, in the objectives' units."""
        directions = [objective.direction for objective in self.objectives]
        return hypervolume(self.values, reference, directions=directions)

    def _member(self, losses: FloatArray) -> Record:
        if not self.members:
            raise SpecError("the front is empty: no record keeps every constraint")
        return self.members[int(np.argmin(losses))]


def pareto_front(records: Sequence[Record], objectives: Sequence[Objective]) -> Front:
    """Return the front of the feasible records."""
    feasible = [record for record in records if record.feasible]
    directions = [objective.direction for objective in objectives]
    losses = as_losses(_values(feasible, objectives), directions)
    kept = np.flatnonzero(non_dominated(losses))
    ordered = sorted(kept, key=lambda position: tuple(losses[position]))
    return Front(tuple(objectives), tuple(feasible[position] for position in ordered))


def nearest_misses(records: Sequence[Record], k: int) -> tuple[Record, ...]:
    """Return the ``k`` infeasible records of least total violation, nearest first.

    A record that was screened out counts the violations that were read, so its total is a lower
    bound; between equals an evaluated record goes first. Failed and stopped records are
    not misses.
    """
    misses = [
        record
        for record in records
        if record.outcome in (Outcome.EVALUATED, Outcome.SCREENED)
        and not record.feasible
        and record.violations
    ]
    misses.sort(
        key=lambda record: (total_violation(record), record.outcome is not Outcome.EVALUATED)
    )
    return tuple(misses[:k])


def total_violation(record: Record) -> float:
    """Return the sum of the record's positive violations, each as a share of its bound."""
    return sum(max(0.0, violation) for violation in record.violations.values())


def _values(records: Sequence[Record], objectives: Sequence[Objective]) -> FloatArray:
    rows = [[record.measurement.value(each.metric) for each in objectives] for record in records]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(objectives))
