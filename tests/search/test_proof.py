"""A proof is checked by looking at every candidate of a small space."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from tests.search.small_costs import EVERY, SPACE, SmallCosts
from tightfit import Constraint, Sense
from tightfit.search.minimization import Minimizer
from tightfit.search.proof import Proof, judge_limits


def possible(seed: int, limits: tuple[Constraint, ...]) -> bool:
    costs = SmallCosts(seed)(EVERY)
    flags = [limit.violations(costs[limit.metric]) <= 0 for limit in limits]
    return bool(np.all(flags, axis=0).any())


def tight(seed: int, **shares: float) -> tuple[Constraint, ...]:
    """Return limits that lie this far from the least to the greatest cost."""
    costs = SmallCosts(seed)(EVERY)
    low = {name: float(costs[name].min()) for name in shares}
    span = {name: float(np.ptp(costs[name])) for name in shares}
    return tuple(
        Constraint(name, Sense.AT_MOST, low[name] + share * span[name])
        for name, share in shares.items()
    )


@cache
def proof_of(seed: int, limits: tuple[Constraint, ...]) -> Proof:
    costs = SmallCosts(seed)
    verdict = judge_limits(Minimizer(SPACE, costs, costs.structures()), limits)
    assert verdict.proof is not None
    return verdict.proof


CONFLICTS = [
    (seed, limits)
    for seed in range(4)
    for limits in (
        tight(seed, size=0.02, memory=0.02, energy=0.5),
        tight(seed, size=0.0, memory=0.0),
        tight(seed, size=-0.1, memory=0.3),
    )
    if not possible(seed, limits)
]


@pytest.mark.parametrize(("seed", "limits"), CONFLICTS)
def test_the_conflict_is_one_and_becomes_none_without_any_of_its_members(
    seed: int, limits: tuple[Constraint, ...]
) -> None:
    conflict = proof_of(seed, limits).conflict
    assert not possible(seed, conflict)
    for fewer in combinations(conflict, len(conflict) - 1):
        assert not fewer or possible(seed, fewer)


@pytest.mark.parametrize(("seed", "limits"), CONFLICTS)
def test_the_least_under_the_other_limits_is_the_smallest_bound_that_works(
    seed: int, limits: tuple[Constraint, ...]
) -> None:
    for reach in proof_of(seed, limits).reach:
        others = tuple(each for each in limits if each is not reach.limit)
        assert reach.others.impossible == (not possible(seed, others))
        if not reach.others.impossible:
            name = reach.limit.metric
            enough = Constraint(name, Sense.AT_MOST, reach.others.value)
            short = Constraint(name, Sense.AT_MOST, reach.others.value * (1 - 1e-6))
            assert possible(seed, (*others, enough))
            assert not possible(seed, (*others, short))


def test_there_are_conflicts_of_one_and_of_several_limits() -> None:
    sizes = {len(proof_of(seed, limits).conflict) for seed, limits in CONFLICTS}
    assert {1, 2} <= sizes


def test_limits_that_can_be_kept_give_a_candidate_that_keeps_them() -> None:
    limits = tight(0, size=0.5, memory=0.6)
    costs = SmallCosts(0)
    verdict = judge_limits(Minimizer(SPACE, costs, costs.structures()), limits)
    assert verdict.proof is None
    assert verdict.allowed is not None
    found = costs(SPACE.batch([verdict.allowed]))
    assert all(limit.violations(found[limit.metric])[0] <= 0 for limit in limits)


def test_what_cannot_be_minimized_exactly_is_never_called_impossible() -> None:
    verdict = judge_limits(Minimizer(SPACE, SmallCosts(0), {}), tight(0, size=-0.5))
    assert verdict.proof is None
    assert verdict.allowed is None
    assert verdict.why
