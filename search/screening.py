"""Static limits: what can be refused before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tightfit import (
    BoolArray,
    Candidate,
    Constraint,
    CostModel,
    FloatArray,
    IntArray,
    SearchSpace,
    SpecError,
)


class Screen:
    """The constraints whose metric the cost model gives, for batches of candidates.

    A prediction with a stated relative error refuses a candidate only when it breaks the limit by
    more than that error: the value that counts is the prediction moved by its error towards the
    limit.

    Attributes:
        constraints: The static ones, in the study's order.
        exact: Whether each is decided here for good, its prediction having no error.
        costs: Static metrics of batches of candidates; one that is not finite is a `SpecError`.
        errors: Relative errors of those that are predictions.

    Raises:
        SpecError: A space without hparams, a negative or infinite error, an error for a metric
            that is not static, or a cost that is not finite.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: CostModel,
        constraints: Sequence[Constraint],
        *,
        errors: Mapping[str, float],
    ) -> None:
        if not len(space):
            raise SpecError("the space has no hparams: switch a technique on")
        self.costs: CostModel = _Finite(space, costs)
        static = self.costs(space.batch([space.baseline()]))
        for metric, error in errors.items():
            if metric not in static:
                known = ", ".join(sorted(static)) or "none"
                raise SpecError(f"{metric!r} has an error but is not static; static are: {known}")
            if not 0 <= error < np.inf:
                raise SpecError(f"the error of {metric!r} must be finite and >= 0, got {error}")
        self.errors = dict(errors)
        self.constraints = tuple(each for each in constraints if each.metric in static)
        self.exact = tuple(not self.errors.get(each.metric) for each in self.constraints)

    def split(
        self, constraints: Sequence[Constraint]
    ) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
        """Return the constraints that are decided here for good, and those that stay open."""
        decided = {each for each, exact in zip(self.constraints, self.exact, strict=True) if exact}
        return (
            tuple(each for each in constraints if each in decided),
            tuple(each for each in constraints if each not in decided),
        )

    def violations(self, batch: IntArray) -> FloatArray:
        """Return the violations of a batch ``[n, hparams]``, ``[n, static constraints]``."""
        columns = np.zeros((len(batch), len(self.constraints)))
        if not self.constraints or not len(batch):
            return columns
        costs = self.costs(batch)
        for column, constraint in enumerate(self.constraints):
            value = np.asarray(costs[constraint.metric], dtype=np.float64)
            hopeful = constraint.hopeful(value, self.errors.get(constraint.metric, 0.0))
            columns[:, column] = constraint.violations(hopeful)
        return columns

    def excess(self, batch: IntArray) -> FloatArray:
        """Return the sum of the positive violations of a batch ``[n, hparams]``, ``[n]``."""
        total: FloatArray = np.maximum(self.violations(batch), 0.0).sum(axis=1)
        return total

    def keeps(self, batch: IntArray) -> BoolArray:
        """Return which of a batch ``[n, hparams]`` keep every static limit, ``[n]``."""
        return np.asarray((self.violations(batch) <= 0).all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class _Finite:
    """A cost model that gives no infinity and no NaN: nothing can be learned from these."""

    space: SearchSpace
    costs: CostModel

    def __call__(self, batch: IntArray) -> Mapping[str, FloatArray]:
        """Return the static metrics of a batch ``[n, hparams]``, each ``[n]``.

        Raises:
            SpecError: One of them is not finite.
        """
        answer = self.costs(batch)
        for metric, values in answer.items():
            finite = np.isfinite(values)
            if not finite.all():
                first = int(np.argmin(finite))
                chosen = self.space.active_choices(Candidate(tuple(batch[first].tolist())))
                raise SpecError(
                    f"the cost {metric!r} must be finite, got {values[first]} of {chosen}; where "
                    "that must not be chosen, let it cost a large number that a limit refuses"
                )
        return answer
