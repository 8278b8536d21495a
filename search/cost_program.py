"""Limits on costs and what is minimized under them, over a choice program; solved by HiGHS."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint

from tightfit import FloatArray, IntArray, LinearCase, Sense, TightfitError, Total
from tightfit.search.choice_program import ChoiceProgram, Expression
from tightfit.search.solver import solve

SECONDS = 60.0
"""What one solution may take; one that takes longer proves nothing."""

TOLERANCE = 1e-6
"""By which share of what lies above the sum of all parts' least the solver's bound may be off."""

_OPTIMAL, _INFEASIBLE = 0, 2
_ROUNDING = 1e-9


class NotLinearError(TightfitError):
    """What is asked is no linear program, e.g. the greatest value of a maximum."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the static value of a metric may be; infinite where anything is allowed."""

    metric: str
    sense: Sense
    value: float


@dataclass(frozen=True, slots=True)
class Solution:
    """What the solver found.

    Attributes:
        row: A candidate that reaches the least value, ``[hparams]``; ``None`` where none keeps the
            limits.
        value: The least value.
        bound: No candidate has less: the solver's bound less its tolerance, whole where costs are.
        why: What kept it from an answer; empty where there is one.
    """

    row: IntArray | None = None
    value: float = math.inf
    bound: float = math.inf
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Measure:
    """A metric, or its negative: ``offset + unit * max(expressions)``, whole in its unit or not."""

    expressions: tuple[Expression, ...]
    unit: float
    offset: float
    whole: bool

    def highest(self, value: float) -> float:
        """Return up to where the expressions may go for the metric to be at most a value."""
        high = (value - self.offset) / self.unit
        if self.whole:
            return math.floor(high + _ROUNDING * max(1.0, abs(high))) + 0.5
        return high + TOLERANCE * max(1.0, abs(high))


class CostProgram:
    """The candidates of one case of each metric, under limits.

    Args:
        choices: Has numbers for all totals of the cases.
        cases: By metric, how it follows from its totals.
        bounds: On these metrics.

    Raises:
        NotLinearError: A limit keeps a maximum from below.
    """

    def __init__(
        self,
        choices: ChoiceProgram,
        cases: Mapping[str, LinearCase],
        bounds: Sequence[Bound],
    ) -> None:
        self._choices = choices
        self._cases = dict(cases)
        self._bounds = [(each, self._measure(each.metric, each.sense)) for each in bounds]

    def minimize(self, metric: str, sense: Sense) -> Solution:
        """Return the least value of a metric under the limits; with ``>=`` the least negative.

        Raises:
            NotLinearError: The greatest value of a maximum is asked for.
        """
        measure = self._measure(metric, sense)
        rows = _LimitRows(self._choices)
        possible = [
            rows.keep(expression, measured.highest(_sign(bound.sense) * bound.value))
            for bound, measured in self._bounds
            for expression in measured.expressions
        ]
        if not all([*possible, *self._within(rows)]):
            return Solution()  # The least of each part are too much already.
        if len(measure.expressions) == 1:
            found = rows.least(measure.expressions[0])
        else:
            found = rows.least_share([(each, 0.0, 1.0) for each in measure.expressions])
        if found.row is None:
            return found
        least = math.ceil(found.bound) if measure.whole else found.bound
        return Solution(
            found.row,
            measure.offset + measure.unit * found.value,
            measure.offset + measure.unit * least,
        )

    def relax(self) -> Solution:
        """Return the least share of its bound by which every limit gives way, at least 0."""
        rows = _LimitRows(self._choices)
        if not all(self._within(rows)):
            return Solution()
        shares = [
            (
                expression,
                (_sign(bound.sense) * bound.value - measured.offset) / measured.unit,
                abs(bound.value) / measured.unit,
            )
            for bound, measured in self._bounds
            for expression in measured.expressions
        ]
        return rows.least_share([*shares, (Expression(np.zeros(self._choices.size)), 0.0, 1.0)])

    def _within(self, rows: _LimitRows) -> list[bool]:
        """Keep the totals of the cases where the cases hold; return which can be kept."""
        kept = []
        for total, low, high in (each for case in self._cases.values() for each in case.within):
            sum_ = self._choices.sum(total.parts)
            if math.isfinite(high):
                kept.append(rows.keep(sum_, high + 0.5))
            if low > 0:
                kept.append(rows.keep(sum_.times(-1.0), 0.5 - low))
        return kept

    def _measure(self, metric: str, sense: Sense) -> _Measure:
        case, sign = self._cases[metric], _sign(sense)
        sizes = {abs(weight) for _, weight in case.weights}
        unit = max(sizes, default=1.0)
        sums = Expression(np.zeros(self._choices.size))
        maxima: list[Total] = []
        for total, weight in case.weights:
            if total.largest:
                maxima.append(total)
                if maxima[1:] or sign * weight < 0:
                    raise NotLinearError(f"limits on {metric!r} make no linear program")
            else:
                sums = sums.plus(self._choices.sum(total.parts).times(sign * weight / unit))
        weights = {id(total): sign * weight / unit for total, weight in case.weights}
        expressions = [sums] + [
            sums.plus(self._choices.sum((part,)).times(weights[id(total)]))
            for total in maxima
            for part in total.parts
        ]
        parts = [part.values for total, _ in case.weights for part in total.parts]
        whole = len(sizes) < 2 and all((values == np.rint(values)).all() for values in parts)
        return _Measure(tuple(expressions), unit, sign * case.offset, whole)


class _LimitRows:
    """Rows above what all candidates keep, and the solver."""

    def __init__(self, choices: ChoiceProgram) -> None:
        self._choices = choices
        self._closed = np.zeros(choices.size, dtype=np.bool_)
        self._added: list[tuple[FloatArray, float]] = []

    def keep(self, expression: Expression, high: float) -> bool:
        """Keep an expression at most that high; return whether it can be, looked at alone.

        A joint state with which all other parts at their least are too much is closed.
        """
        weights, least = self._above_least(expression)
        slack = high - least
        if slack < 0:
            return False
        self._closed |= weights > slack
        if weights.any():
            scale = max(slack, _ROUNDING)
            self._added.append((np.append(weights, 0.0) / scale, slack / scale))
        return True

    def least(self, expression: Expression) -> Solution:
        """Return the least value of an expression."""
        weights, least = self._above_least(expression)
        return self._solve(np.append(weights, 0.0), least)

    def least_share(self, limits: Sequence[tuple[Expression, float, float]]) -> Solution:
        """Return the least ``t`` for which each expression is at most ``high + t * share``."""
        for expression, high, share in limits:
            weights, least = self._above_least(expression)
            self._added.append((np.append(weights / share, -1.0), (high - least) / share))
        objective = np.zeros(self._choices.size + 1)
        objective[-1] = 1.0
        return self._solve(objective, 0.0)

    def _above_least(self, expression: Expression) -> tuple[FloatArray, float]:
        """Return an expression as a sum of parts that are 0 at their least, and the sum of these.

        The numbers of a run sum to 1, so that the same may be taken from the weights of all.
        """
        weights, least = expression.weights.copy(), expression.constant
        for run in self._choices.runs:
            smallest = float(weights[run].min())
            weights[run] -= smallest
            least += smallest
        return weights, least

    def _solve(self, objective: FloatArray, added: float) -> Solution:
        size = self._choices.size
        whole = np.append(self._choices.whole, False)
        high = np.append(np.where(self._closed, 0.0, 1.0), np.inf)
        low = np.append(np.zeros(size), -np.inf if objective[-1] else 0.0)
        matrix, lowest, highest = self._choices.rows_with(self._added)
        found = solve(
            objective,
            whole=whole.astype(np.int64),
            bounds=Bounds(low, high),
            constraints=LinearConstraint(matrix, lowest, highest),
            gap=0.0,
            seconds=SECONDS,
        )
        if found.status == _INFEASIBLE:
            return Solution()
        if found.status != _OPTIMAL:
            return Solution(why=f"the solver stopped without a proof: {found.message}")
        assert found.x is not None
        # Without any choice it is a linear program, and its least value is its own bound.
        bound = float(found.fun if found.mip_dual_bound is None else found.mip_dual_bound)
        tolerance = TOLERANCE * max(1.0, abs(bound)) if objective[-1] == 0 else TOLERANCE
        row = self._choices.row(found.x[:size])
        return Solution(row, added + float(found.fun), added + bound - tolerance)


def _sign(sense: Sense) -> float:
    return 1.0 if sense is Sense.AT_MOST else -1.0
