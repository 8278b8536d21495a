"""The problems of growth are what they say: exact costs, a front that nothing passes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.per_layer import METRICS, PerLayer
from benchmarks.problem import Answers
from benchmarks.samplers import own_curve
from tightfit import BoolArray, CostStructure, FloatArray, IntArray, LinearCase, Total
from tightfit.choice_array import ChoiceArray, Variable
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.metrics.structure import cost_structures
from tightfit.objectives.profile import CPU
from tightfit.search.hypervolume import hypervolume, non_dominated
from tightfit.search.minimization import Minimizer


@pytest.fixture(scope="module")
def bits() -> PerLayer:
    return PerLayer("resnet18-bits")


@pytest.fixture(scope="module")
def everything() -> PerLayer:
    return PerLayer("resnet18")


def points(problem: PerLayer, batch: IntArray) -> FloatArray:
    """Return the true objectives of a batch, ``[n, 2]``."""
    return np.column_stack([problem.truth(batch)["error"], problem.costs(batch)["size_kb"]])


def kept(problem: PerLayer, batch: IntArray) -> BoolArray:
    """Return which of a batch keep the limits, ``[n]``."""
    costs = problem.costs(batch)
    found = [each.violations(costs[each.metric]) <= 0 for each in problem.constraints]
    return np.asarray(np.all(found, axis=0))


def test_costs_are_those_of_the_networks_that_are_built(everything: PerLayer) -> None:
    batch = everything.space.random(64, np.random.default_rng(1))
    of_blueprint = compute_static(everything.compression.blueprint(batch), CPU)
    for metric, values in everything.costs(batch).items():
        np.testing.assert_array_equal(values, of_blueprint[metric])
    network = everything.compression.build(everything.space.candidate(batch[0]))
    assert sum(each.numel() for each in network.parameters()) == int(of_blueprint["params"][0])


def test_what_is_changed_more_damages_more_and_what_is_dropped_no_longer(
    everything: PerLayer,
) -> None:
    assert all((np.diff(each) > 0).all() and each[0] == 0 for each in everything.damage)
    space = everything.space
    row = space.choice_counts - 1
    without = space.canonical(row[None])
    assert (without != row).any()
    assert everything.truth(without)["error"] <= everything.truth(row[None])["error"]


def test_thousands_of_other_candidates_add_next_to_nothing_to_the_front(bits: PerLayer) -> None:
    front = points(bits, bits.front)
    assert non_dominated(front).all()
    assert kept(bits, bits.front).all()
    rng = np.random.default_rng(2)
    near = np.repeat(bits.front, 20, axis=0)
    changed = rng.random(near.shape) < 0.1
    near[changed] = bits.space.random(len(near), rng)[changed]
    others = np.concatenate([near, bits.space.random(4096, rng)])
    others = others[kept(bits, others)]
    assert len(others) > 100
    both = np.concatenate([front, points(bits, others)])
    directions = [each.direction for each in bits.objectives]
    assert hypervolume(both, bits.corner, directions=directions) < 1.002 * bits.best


@pytest.mark.slow
def test_the_least_damage_at_a_size_is_proven(bits: PerLayer) -> None:
    structures = cost_structures(bits.compression.blueprint, bits.space, CPU, metrics=METRICS)
    parts = tuple(
        ChoiceArray((Variable(len(each), column),), each).simplified()
        for column, each in enumerate(bits.damage)
    )
    structures["damage"] = CostStructure("damage", (LinearCase(((Total(parts), 1.0),)),))

    def costs(batch: IntArray) -> dict[str, FloatArray]:
        return {**bits.costs(batch), "damage": bits.summed(batch)}

    minimizer = Minimizer(bits.space, costs, structures)
    (limit,) = bits.constraints
    harm, size = bits.summed(bits.front), bits.costs(bits.front)["size_kb"]
    for share in (1.0, 0.8, 0.6):
        budget = replace(limit, bound=share * limit.bound)
        proven = minimizer.least("damage", [budget])
        assert proven.proven
        assert proven.value - 1e-6 <= harm[size <= budget.bound].min() <= 1.01 * proven.value


def test_a_reading_has_noise_of_its_own_that_stays(bits: PerLayer) -> None:
    candidate = bits.space.candidate(bits.front[0])
    true = float(bits.truth(bits.front[:1])["error"][0])
    read = [
        Answers(bits, seed).evaluate(candidate, "x", number).measurement.value("error")
        for seed, number in ((3, 0), (3, 7), (4, 0))
    ]
    assert read[0] == read[1] != read[2]
    assert read == pytest.approx([true] * 3, abs=0.03)


def test_a_search_rises_to_the_front_and_not_beyond(bits: PerLayer) -> None:
    curve = own_curve(bits, "greybox+prior", 0, 15)
    assert (np.diff(curve) >= 0).all()
    assert 0.5 < curve[-1] < 1.001
