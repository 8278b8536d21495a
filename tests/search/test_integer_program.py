"""Allocations against every candidate of a space that can be listed."""

from __future__ import annotations

import numpy as np

from tests.integration.chain_problem import Chain
from tightfit import Constraint, Sense
from tightfit.search.allocator import Allocator
from tightfit.search.cost_tables import cost_tables, multiplying
from tightfit.search.integer_program import LinearLimit, least_damage
from tightfit.search.region import Region
from tightfit.search.screening import Screen

CHAIN = Chain(3)
SPACE = CHAIN.space
EVERY = np.stack(np.unravel_index(np.arange(SPACE.size), tuple(SPACE.choice_counts)), axis=1)
DAMAGE = CHAIN.single_damage()
TOTAL = np.sum([table[EVERY[:, column]] for column, table in enumerate(DAMAGE)], axis=0)


def test_only_hparams_whose_costs_multiply_are_pairs() -> None:
    base = np.ones(len(SPACE), dtype=np.int64)
    pairs = multiplying(SPACE, CHAIN.costs, ["macs", "size"], base)
    assert pairs["macs"] == ((0, 1), (1, 2))
    assert (0, 3) in pairs["size"]
    assert (3, 4) not in pairs["size"]


def test_with_pairs_the_program_finds_the_best_of_all_candidates() -> None:
    base = np.zeros(len(SPACE), dtype=np.int64)
    pairs = multiplying(SPACE, CHAIN.costs, ["macs"], base)["macs"]
    table = cost_tables(SPACE, CHAIN.costs, ["macs"], base=base, pairs=pairs)["macs"]
    found = least_damage(DAMAGE, [LinearLimit(table, 0.3)])
    kept = CHAIN.costs(EVERY)["macs"] <= 0.3
    assert found is not None
    assert CHAIN.costs(found[None])["macs"][0] <= 0.3
    # The solver stops within a hundredth of the best.
    reached = sum(each[found[column]] for column, each in enumerate(DAMAGE))
    assert reached <= 1.011 * TOTAL[kept].min()


def test_where_three_choices_multiply_exact_costs_keep_the_limit_all_the_same() -> None:
    limit = Constraint("size", Sense.AT_MOST, 0.02)
    region = Region.survey(SPACE, Screen(SPACE, CHAIN.costs, (limit,), errors={}))
    found = Allocator(region, [], DAMAGE)(np.zeros(len(SPACE), dtype=np.int64), DAMAGE, [])
    assert found is not None
    assert CHAIN.costs(found[None])["size"][0] <= 0.02


def test_a_limit_that_nothing_keeps_has_no_allocation() -> None:
    base = np.zeros(len(SPACE), dtype=np.int64)
    table = cost_tables(SPACE, CHAIN.costs, ["macs"], base=base)["macs"]
    assert least_damage(DAMAGE, [LinearLimit(table, -10.0)]) is None
