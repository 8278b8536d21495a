"""What a candidate is worth to the front before it is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tightfit import BoolArray, Constraint, Direction, FloatArray, IntArray, Objective, Sense
from tightfit.search.expected_improvement import boxes, expected_gain, log_probability_below
from tightfit.search.hypervolume import as_losses, non_dominated
from tightfit.search.negligible import negligible
from tightfit.search.observations import Observations

Predictor: TypeAlias = Callable[[IntArray], Mapping[str, tuple[FloatArray, FloatArray]]]
"""Mean and deviation of every metric of a batch ``[n, hparams]``, by name, both ``[n]``."""

_BEYOND = 0.5
"""Of the front's extent, how far beyond its worst member the reference point is taken to lie. Close
to the front, its ends are worth next to nothing, and it grows by small steps where it is short."""

_TIED = 0.1
"""Of the extent of all that was read, the least that counts as the front's."""

_LIKELY = 0.5
"""Probability of counting from which on a candidate on its way counts as one of the front."""

_HOPE = 0.2
"""Probability of not failing from which on a candidate is tried for what it may be worth."""


class Standing:
    """How far the search is: the front among the observations, and where it is measured from.

    Attributes:
        losses: Objectives of all observations, to be minimized, NaN where not read, ``[n, m]``.
        kept: Which of them have all objectives, were trained to their end and were read to keep
            every limit, with the whole interval where that is demanded.
        front: Positions of the members among the observations.
        corner: The reference point, to be minimized, ``[m]``. Where none is given, half of the
            front's extent beyond its worst member. Nowhere beyond an objective's own limit on its
            worse side: what breaks a limit is worth nothing.
        short: By how much of the front's extent each observation falls short of it, ``[n]``, and
            by one extent more where it is not ``kept``; infinite where an objective was not read.
            While there is no front, 0 where all objectives were read, else 1.
        margins: By limit, by how much better than its bound a candidate must be expected to be.

    Args:
        observations: Everything that was read, or is believed of it.
        objectives: Of the study.
        constraints: Those that are not decided before training.
        corner: The reference point in the objectives' units, ``[m]``, where it is known.
        decided: The constraints that all candidates of the search keep.
    """

    def __init__(
        self,
        observations: Observations,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        corner: FloatArray | None = None,
        decided: Sequence[Constraint] = (),
    ) -> None:
        values = np.column_stack([observations.values[each.metric] for each in objectives])
        directions = [each.direction for each in objectives]
        self.losses = as_losses(values, directions)
        kept: BoolArray = np.asarray(np.isfinite(self.losses).all(axis=1))
        for constraint in constraints:
            read = observations.values[constraint.metric]
            over = constraint.violations(read)
            over = over + observations.margin(constraint) / abs(constraint.bound)
            kept = np.logical_and(kept, over <= 0)
        if observations.early is not None:
            kept = np.logical_and(kept, ~observations.early)
        self.kept = kept
        self.margins = {each: observations.usual_margin(each) for each in constraints}
        inside = np.flatnonzero(kept)
        self.front = inside[non_dominated(self.losses[inside])]
        given = None if corner is None else as_losses(corner[None], directions)[0]
        self.corner = self._inferred() if given is None else given.copy()
        for column, objective in enumerate(objectives):
            bounds = [
                _as_loss(each, self.margins.get(each, 0.0))
                for each in (*constraints, *decided)
                if is_own(each, objective)
            ]
            self.corner[column] = min([self.corner[column], *bounds])
        self.short = self._falling_short()

    def _falling_short(self) -> FloatArray:
        """Return by how much of the front's extent each observation falls short of it, ``[n]``."""
        if not len(self.front):
            return np.where(np.isfinite(self.losses).all(axis=1), 0.0, 1.0)
        members = self.losses[self.front]
        extent = np.maximum(self.corner - members.min(axis=0), negligible(members, 1e-12))
        gaps = (self.losses[:, None] - members[None]) / extent
        short = gaps.max(axis=2).min(axis=1)
        ranked: FloatArray = np.where(self.kept, short, np.nan_to_num(short, nan=np.inf) + 1.0)
        return ranked

    def _inferred(self) -> FloatArray:
        known = self.losses[np.isfinite(self.losses).all(axis=1)]
        members = self.losses[self.front] if len(self.front) else known
        extent = np.ptp(known, axis=0)
        if len(members) > 1:
            # Members that nearly tie in an objective do not say that it cannot vary.
            extent = np.maximum(np.ptp(members, axis=0), _TIED * extent)
        extent = np.maximum(extent, negligible(known, 1e-9))
        corner: FloatArray = members.max(axis=0) + _BEYOND * extent
        return corner


def is_own(limit: Constraint, objective: Objective) -> bool:
    """Whether a limit is on an objective's metric, on its worse side."""
    worse = Sense.AT_MOST if objective.direction is Direction.MINIMIZE else Sense.AT_LEAST
    return limit.metric == objective.metric and limit.sense is worse


def _as_loss(limit: Constraint, margin: float) -> float:
    """Return the most that a limit allows its metric, turned so that less is better."""
    return (limit.bound if limit.sense is Sense.AT_MOST else -limit.bound) - margin


class Worth:
    """The expected gain in hypervolume, times the probability of keeping the open limits.

    An objective's own limit is in the gain: beyond it, where the reference point lies, there is
    none. It would count twice if its probability were a factor as well.

    Args:
        expected: Of candidates.
        standing: Where the front is.
        pending: Candidates on their way: the front is as if they had become what is expected.
        objectives: Of the study.
        limits: The constraints that are not decided before training.
        log_success: Of a batch ``[n, hparams]``, the logarithm of how likely each does not fail,
            ``[n]``; ``None`` where none is expected to.
    """

    def __init__(
        self,
        expected: Predictor,
        standing: Standing,
        *,
        pending: IntArray,
        objectives: Sequence[Objective],
        limits: Sequence[Constraint],
        log_success: Callable[[IntArray], FloatArray] | None = None,
    ) -> None:
        self._expected = expected
        self._log_success = log_success
        self._objectives = tuple(objectives)
        self._limits = {
            each: standing.margins.get(each, 0.0)
            for each in limits
            if not any(is_own(each, objective) for objective in objectives)
        }
        front = standing.losses[standing.front]
        if len(pending):
            means, _, likely = self._judge(pending)
            front = np.concatenate([front, means[likely > _LIKELY]])
        self._room = boxes(front, standing.corner)

    def __call__(self, batch: IntArray) -> FloatArray:
        """Return what each of a batch ``[n, hparams]`` is worth, ``[n]``."""
        means, deviations, likely = self._judge(batch)
        return expected_gain(means, deviations, self._room) * likely

    def rank(self, batch: IntArray) -> FloatArray:
        """Return by what candidates of a batch are to be chosen, more first, ``[n]``.

        It is what they are worth. Where candidates fail, those that are likely to, or are worth
        nothing, come behind all others, the surest first.
        """
        value = self(batch)
        if self._log_success is None:
            return value
        chance = np.exp(self._log_success(batch))
        return np.where((chance >= _HOPE) & (value > 0), value, chance - 1.0)

    def _judge(self, batch: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return losses and their deviations ``[n, m]``, and how likely they count ``[n]``.

        They do where the limits are kept and the candidate does not fail.
        """
        expected = self._expected(batch)
        found = [expected[each.metric] for each in self._objectives]
        means = np.column_stack([mean for mean, _ in found])
        deviations = np.column_stack([deviation for _, deviation in found])
        directions = [each.direction for each in self._objectives]
        likely = likelihood(expected, self._limits)
        if self._log_success is not None:
            likely = likely * np.exp(self._log_success(batch))
        return as_losses(means, directions), deviations, likely


def likelihood(
    expected: Mapping[str, tuple[FloatArray, FloatArray]], limits: Mapping[Constraint, float]
) -> FloatArray:
    """Return how likely candidates keep some limits together, ``[n]``.

    Args:
        expected: Mean and deviation by metric, both ``[n]``.
        limits: On metrics that are not known before they are measured; independent of each other.
            For each, by how much better than its bound the metric must be.
    """
    return np.exp(log_likelihood(expected, limits))


def log_likelihood(
    expected: Mapping[str, tuple[FloatArray, FloatArray]], limits: Mapping[Constraint, float]
) -> FloatArray:
    """Return the logarithm of :func:`likelihood`, which tells what is next to impossible apart."""
    likely = np.zeros(len(next(iter(expected.values()))[0]))
    for limit, margin in limits.items():
        mean, deviation = expected[limit.metric]
        sign = 1.0 if limit.sense is Sense.AT_MOST else -1.0
        likely += log_probability_below(_as_loss(limit, margin), sign * mean, deviation)
    return likely
