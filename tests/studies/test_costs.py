from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.contracts.test_blueprint_matches_surgery import everything
from tests.spaces.nets import make
from tightfit import Candidate, CostTable, IntArray, SpecError
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.costs import FEW, StaticCosts

SUMS = ("params", "macs", "size_kb", "flash_kb", "energy_mj", "power_mw")
ROOMY = replace(CPU, sram_kb=1e9, idle_mw=3.0)
"""A chip that holds all weights of every candidate."""


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    return everything(*make("odd"))


@pytest.fixture(scope="module")
def costs(space: CompressionSpace) -> StaticCosts:
    return StaticCosts(space, ROOMY)


def changes(
    table: CostTable, space: CompressionSpace, *, interacting: int, n: int = 60
) -> IntArray:
    """Draw candidates in which at most so many changed hparams are all pairs of each other."""
    rng, pairs = np.random.default_rng(4), {*table.pairs}
    rows = []
    for row in space.search_space.random(n, rng):
        changed: list[int] = []
        for column in rng.permutation(len(row)).tolist():
            near = [other for other in changed if tuple(sorted((other, column))) in pairs]
            joined = any(tuple(sorted((a, b))) in pairs for a in near for b in near if a < b)
            if (interacting == 1 and near) or (interacting == 2 and joined):
                continue
            changed.append(column)
        base = np.array(table.base.indices)
        base[changed] = row[changed]
        rows.append(base)
    return np.array(rows)


def test_the_first_few_candidates_cost_what_they_cost_by_tables(space: CompressionSpace) -> None:
    costs = StaticCosts(space, CPU)
    batch = space.search_space.random(FEW // 2, np.random.default_rng(0))
    first = costs(batch)
    costs(space.search_space.random(FEW, np.random.default_rng(1)))
    later = costs(batch)
    assert first.keys() == later.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(later[name], values, err_msg=name)


@pytest.mark.parametrize("metric", SUMS)
def test_costs_of_choices_add_up_where_no_two_hparams_share_an_operation(
    costs: StaticCosts, space: CompressionSpace, metric: str
) -> None:
    table = costs.additive(metric)
    batch = changes(table, space, interacting=1)
    assert (batch != np.array(table.base.indices)).sum(axis=1).max() >= 2
    assert table.is_additive(batch).all()
    np.testing.assert_allclose(table.additive(batch), costs(batch)[metric], rtol=1e-9)


@pytest.mark.parametrize("metric", SUMS)
def test_costs_of_pairs_add_up_where_no_three_hparams_share_an_operation(
    costs: StaticCosts, space: CompressionSpace, metric: str
) -> None:
    second_choices = np.minimum(1, space.search_space.choice_counts - 1)
    table = costs.additive(metric, space.search_space.candidate(second_choices))
    batch = changes(table, space, interacting=2)
    exact = costs(batch)[metric]
    assert not table.is_additive(batch).all()
    np.testing.assert_allclose(table.pairwise(batch), exact, rtol=1e-9)
    assert np.abs(table.additive(batch) - exact).max() > 1e-3 * exact.max()


def test_neighbours_widths_multiply_and_strangers_do_not(
    costs: StaticCosts, space: CompressionSpace
) -> None:
    table, column = costs.additive("macs"), space.search_space.column
    left, squeeze = column("left.pruning_ratio"), column("squeeze.pruning_ratio")
    hidden, stem = column("hidden.pruning_ratio"), column("stem.pruning_ratio")
    assert (min(stem, left), max(stem, left)) in table.pairs
    assert (min(stem, squeeze), max(stem, squeeze)) in table.pairs
    assert (min(hidden, stem), max(hidden, stem)) not in table.pairs
    assert all(first < second for first, second in table.pairs)
    paired = {space.search_space.hparams[each].name for pair in table.pairs for each in pair}
    assert not [name for name in paired if name.endswith(".bits")]


def test_the_cost_of_a_choice_is_the_difference_that_it_makes_alone(
    costs: StaticCosts, space: CompressionSpace
) -> None:
    table = costs.additive("size_kb")
    base = np.array(table.base.indices)[None]
    assert table.total == costs(base)["size_kb"][0]
    for column, hparam in enumerate(space.search_space.hparams):
        n = len(hparam.choices)
        assert table.cost[column, 0] == 0.0
        assert np.isnan(table.cost[column, n:]).all()
        alone = base.copy()
        alone[0, column] = n - 1
        assert table.total + table.cost[column, n - 1] == pytest.approx(costs(alone)["size_kb"][0])


@pytest.mark.parametrize("metric", ["ram_kb", "latency_ms"])
def test_a_metric_that_is_no_sum_has_no_costs_of_choices(costs: StaticCosts, metric: str) -> None:
    with pytest.raises(SpecError, match=f"a sum over operations .*, got '{metric}'"):
        costs.additive(metric)


@pytest.mark.slow
def test_a_network_too_wide_for_tables_costs_what_its_blueprint_says() -> None:
    space = everything(*make("densenet121"))
    costs = StaticCosts(space, CPU)
    batch = space.search_space.random(FEW + 1, np.random.default_rng(0))
    found = costs(batch)
    for name, values in compute_static(space.blueprint(batch), CPU).items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    # Its parameters alone depend on few enough choices.
    table = costs.additive("params", Candidate(tuple(batch[0].tolist())))
    assert table.total == found["params"][0]
