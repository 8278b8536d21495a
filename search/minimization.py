"""The least value of a static metric that a space can reach under limits, proven.

A mixed-integer linear program over :mod:`tightfit.search.choice_program`, solved by HiGHS (Huangfu
and Hall, "Parallelizing the dual revised simplex method", 2018) until no gap is left. Where costs
are whole numbers a limit becomes the half between two of them, so that the solver's tolerances
decide nothing. What it finds is looked up in the exact costs again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from tightfit import (
    Candidate,
    Constraint,
    CostModel,
    CostStructure,
    LinearCase,
    SearchSpace,
    Sense,
)
from tightfit.search.choice_program import ChoiceProgram
from tightfit.search.cost_program import Bound, CostProgram, NotLinearError, Solution

_AGREE = 1e-6
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Minimum:
    """What an exact minimization found.

    Attributes:
        proven: Whether the rest is certain; where it is not, nothing is known.
        candidate: That reaches the value; ``None`` where no candidate keeps the limits.
        value: Of the candidate by the exact costs, in the metric's unit.
        bound: Which no candidate that keeps the limits passes: the solver's, made safe.
        why: What kept it from being proven.
    """

    proven: bool
    candidate: Candidate | None = None
    value: float = math.nan
    bound: float = math.nan
    why: str = ""

    @property
    def impossible(self) -> bool:
        """Whether it is proven that no candidate keeps the limits."""
        return self.proven and self.candidate is None


class Minimizer:
    """Minimizes the static metrics of a space.

    Args:
        space: Of the study.
        costs: Exact static metrics of batches.
        structures: The same, taken apart, by metric; what is not there proves nothing.
        allowed: The static value up to which a limit may be kept, which is not its bound where
            the metric is a prediction with an error. Nothing for those that are none.
    """

    def __init__(
        self,
        space: SearchSpace,
        costs: CostModel,
        structures: Mapping[str, CostStructure],
        *,
        allowed: Callable[[Constraint], float] = lambda limit: limit.bound,
    ) -> None:
        self.space = space
        self._costs = costs
        self._structures = dict(structures)
        self.allowed = allowed
        self._found: dict[tuple[str, Sense, frozenset[Constraint]], Minimum] = {}

    def least(
        self, metric: str, limits: Sequence[Constraint], *, sense: Sense = Sense.AT_MOST
    ) -> Minimum:
        """Return the least value of a metric under limits; with ``>=`` the greatest."""
        key = (metric, sense, frozenset(limits))
        if key not in self._found:
            self._found[key] = self._least(metric, limits, sense)
        return self._found[key]

    def _least(self, metric: str, limits: Sequence[Constraint], sense: Sense) -> Minimum:
        sign = 1.0 if sense is Sense.AT_MOST else -1.0
        names = [metric, *(limit.metric for limit in limits)]
        found = self._best(names, limits, lambda program: program.minimize(metric, sense))
        if found.candidate is None:
            return found
        exact = self._exact(found.candidate)
        value = exact[metric]
        if abs(value - sign * found.value) > _AGREE * max(1.0, abs(value)):
            return Minimum(False, why=f"{metric} of what was found is {value}, not {found.value}")
        for limit in limits:
            if self._over(limit, exact) > _AGREE:
                return Minimum(False, why=f"what was found breaks {limit}")
        return replace(found, value=value, bound=sign * min(found.bound, sign * value))

    def relaxation(self, limits: Sequence[Constraint]) -> Minimum:
        """Return the least share of its bound by which each limit must give way at once.

        Its candidate keeps the relaxed limits.
        """
        found = self._best([each.metric for each in limits], limits, lambda each: each.relax())
        if found.candidate is None:
            return found
        exact = self._exact(found.candidate)
        value = max(0.0, *(self._over(each, exact) for each in limits))
        return replace(found, value=value, bound=max(0.0, min(found.bound, value)))

    def _over(self, limit: Constraint, exact: Mapping[str, float]) -> float:
        """Return by how much exact costs pass what is allowed, as a share of it."""
        allowed = self.allowed(limit)
        over = exact[limit.metric] - allowed
        return (over if limit.sense is Sense.AT_MOST else -over) / max(abs(allowed), _LEAST)

    def _exact(self, candidate: Candidate) -> dict[str, float]:
        costs = self._costs(self.space.batch([candidate]))
        return {name: float(values[0]) for name, values in costs.items()}

    def _best(
        self,
        names: Sequence[str],
        limits: Sequence[Constraint],
        solve: Callable[[CostProgram], Solution],
    ) -> Minimum:
        """Return the best over all cases of the metrics, as the programs have it."""
        missing = [name for name in names if name not in self._structures]
        if missing:
            return Minimum(False, why=f"{missing[0]!r} is not made of small enough tables")
        bounds = [Bound(each.metric, each.sense, self.allowed(each)) for each in limits]
        # A bound from below at or under 0 is kept by every cost.
        bounds = [each for each in bounds if each.sense is Sense.AT_MOST or each.value > 0]
        best, bound = Solution(), math.inf
        for cases in self._cases(names):
            totals = [total for case in cases.values() for total, _ in case.weights]
            totals += [total for case in cases.values() for total, _, _ in case.within]
            try:
                found = solve(CostProgram(ChoiceProgram(self.space, totals), cases, bounds))
            except NotLinearError as error:
                return Minimum(False, why=str(error))
            if found.why:
                return Minimum(False, why=found.why)
            best, bound = min(best, found, key=lambda each: each.value), min(bound, found.bound)
        if best.row is None:
            return Minimum(True)
        return Minimum(True, self.space.candidate(best.row), best.value, bound)

    def _cases(self, names: Sequence[str]) -> Iterator[dict[str, LinearCase]]:
        """Yield each choice of a case for each metric."""
        once = list(dict.fromkeys(names))
        for cases in product(*(self._structures[name].cases for name in once)):
            yield dict(zip(once, cases, strict=True))
