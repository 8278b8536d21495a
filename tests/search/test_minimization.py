"""What integer programming finds is what an enumeration of every candidate finds."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.small_costs import EVERY, SPACE, SmallCosts
from tightfit import BoolArray, Constraint, CostStructure, LinearCase, Sense, Total
from tightfit.choice_array import ChoiceArray
from tightfit.search.minimization import Minimizer

METRICS = ("size", "memory", "energy")
SEEDS = (0, 1, 2)


def minimizer(seed: int) -> Minimizer:
    costs = SmallCosts(seed)
    return Minimizer(SPACE, costs, costs.structures())


def kept(seed: int, *limits: Constraint) -> BoolArray:
    """Return which candidates keep limits, by looking at every one."""
    costs = SmallCosts(seed)(EVERY)
    flags = np.ones(len(EVERY), dtype=np.bool_)
    for limit in limits:
        flags &= limit.violations(costs[limit.metric]) <= 0
    return flags


def at_most(metric: str, seed: int, share: float) -> Constraint:
    """Return a limit that this share of the candidates keeps."""
    return Constraint(
        metric, Sense.AT_MOST, float(np.quantile(SmallCosts(seed)(EVERY)[metric], share))
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", METRICS)
def test_the_least_of_a_space_is_found_and_proven(metric: str, seed: int) -> None:
    found = minimizer(seed).least(metric, [])
    assert found.proven
    assert found.value == SmallCosts(seed)(EVERY)[metric].min()
    assert found.bound == pytest.approx(found.value, rel=1e-5)
    assert found.bound <= found.value


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("metric", METRICS)
def test_the_least_under_limits_is_that_of_the_candidates_that_keep_them(
    metric: str, seed: int
) -> None:
    for other in METRICS:
        for share in (0.02, 0.2, 0.7):
            limits = [at_most(other, seed, share), at_most("memory", seed, 0.5)]
            inside = kept(seed, *limits)
            found = minimizer(seed).least(metric, limits)
            assert found.proven
            assert found.impossible == (not inside.any())
            if inside.any():
                assert found.value == SmallCosts(seed)(EVERY)[metric][inside].min()
                assert found.candidate is not None
                here = np.equal(EVERY, found.candidate.indices).all(axis=1)
                assert inside[here].all()


def test_a_metric_that_no_choice_changes_is_proven_to_be_what_it_is() -> None:
    """Bits alone change no operation: a limit on them is kept by all candidates or by none."""
    total = Total((ChoiceArray((), np.array(60.0)),))
    structures = {"macs": CostStructure("macs", (LinearCase(((total, 1.0),)),))}
    found = Minimizer(SPACE, lambda batch: {"macs": np.full(len(batch), 60.0)}, structures)
    assert found.least("macs", []).value == 60.0
    assert found.least("macs", [Constraint("macs", Sense.AT_MOST, 50.0)]).impossible
    assert not found.least("macs", [Constraint("macs", Sense.AT_MOST, 70.0)]).impossible
    assert found.relaxation([Constraint("macs", Sense.AT_MOST, 50.0)]).value == pytest.approx(0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_limit_at_a_reachable_value_is_kept_and_one_below_it_is_not(seed: int) -> None:
    least = float(SmallCosts(seed)(EVERY)["size"].min())
    at, below = (Constraint("size", Sense.AT_MOST, bound) for bound in (least, least - 0.01))
    assert not minimizer(seed).least("size", [at]).impossible
    assert minimizer(seed).least("size", [below]).impossible


def test_a_limit_from_below_bounds_a_sum_and_not_a_maximum() -> None:
    floor = Constraint("size", Sense.AT_LEAST, 40.0)
    found = minimizer(0).least("memory", [floor])
    assert found.value == SmallCosts(0)(EVERY)["memory"][kept(0, floor)].min()
    greatest = minimizer(0).least("size", [], sense=Sense.AT_LEAST)
    assert greatest.value == SmallCosts(0)(EVERY)["size"].max()
    unproven = minimizer(0).least("size", [Constraint("memory", Sense.AT_LEAST, 20.0)])
    assert not unproven.proven
    assert "no linear program" in unproven.why


def test_a_metric_without_structure_proves_nothing() -> None:
    costs = SmallCosts(0)
    found = Minimizer(SPACE, costs, {}).least("size", [])
    assert not found.proven
    assert not found.impossible
    assert "'size' is not made of small enough tables" in found.why


def test_a_structure_that_does_not_match_the_costs_proves_nothing() -> None:
    found = Minimizer(SPACE, SmallCosts(0), SmallCosts(1).structures()).least("size", [])
    assert not found.proven
    assert "of what was found is" in found.why


@pytest.mark.parametrize("seed", SEEDS)
def test_relaxing_all_limits_by_the_found_share_is_enough_and_by_less_is_not(seed: int) -> None:
    costs = SmallCosts(seed)(EVERY)
    limits = [
        Constraint(metric, Sense.AT_MOST, 0.8 * float(costs[metric].min())) for metric in METRICS
    ]
    found = minimizer(seed).relaxation(limits)
    over = np.max([limit.violations(costs[limit.metric]) for limit in limits], axis=0)
    assert found.value == pytest.approx(over.min(), abs=1e-9)
    assert found.bound <= found.value
    assert found.bound == pytest.approx(found.value, abs=1e-4)


def test_a_prediction_breaks_a_limit_only_beyond_its_error() -> None:
    costs = SmallCosts(0)
    least = float(costs(EVERY)["size"].min())
    limit = Constraint("size", Sense.AT_MOST, 0.95 * least)
    exact = Minimizer(SPACE, costs, costs.structures())
    loose = Minimizer(SPACE, costs, costs.structures(), allowed=lambda each: each.bound / 0.9)
    assert exact.least("size", [limit]).impossible
    assert not loose.least("size", [limit]).impossible
