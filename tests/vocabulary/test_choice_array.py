from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from tightfit import Hparam, IntArray, SearchSpace
from tightfit.choice_array import (
    LARGEST,
    ChoiceArray,
    TooManyChoicesError,
    Variable,
    every_candidate,
    pick,
    settle,
)

COUNTS = (3, 4, 2, 5, 1)
SPACE = SearchSpace(tuple(Hparam(f"h{i}", tuple(range(count))) for i, count in enumerate(COUNTS)))
WIDTHS = np.array([8, 16, 24, 32, 40])


def over_choices(array: Any) -> ChoiceArray:
    assert isinstance(array, ChoiceArray)
    return array


def looked_up(array: object, batch: IntArray) -> IntArray:
    """Return an array over choices for a batch, ``[n]``."""
    array = over_choices(array)
    states = tuple(
        batch[:, each.source] if isinstance(each.source, int) else looked_up(each.source, batch)
        for each in array.variables
    )
    return np.broadcast_to(array.values[states], len(batch)).astype(np.int64)


def formula(batch: IntArray) -> IntArray:
    inner, outer = pick(WIDTHS, batch[:, 0]), settle(pick(WIDTHS, batch[:, 1]))
    groups = np.ones_like(inner)
    flag = np.equal(batch[:, 2], 1) & ~np.less(batch[:, 3], 2)
    dense = inner * outer * 9 // np.maximum(groups, 1)
    result: IntArray = np.where(flag, dense, inner + 7) + pick(WIDTHS, batch[:, 4])
    return result


def test_a_formula_over_choices_has_the_values_that_it_has_for_a_batch() -> None:
    batch = SPACE.random(200, np.random.default_rng(0))
    table = formula(every_candidate(SPACE))
    np.testing.assert_array_equal(looked_up(table, batch), formula(batch))


def test_it_depends_on_the_hparams_that_make_a_difference() -> None:
    batch = every_candidate(SPACE)
    assert over_choices(formula(batch)).columns == {0, 1, 2, 3}
    always = np.less(batch[:, 0], 3) | np.equal(batch[:, 1], 0)
    assert over_choices(always).columns == frozenset()
    assert over_choices(0 * batch[:, 3] + batch[:, 1]).simplified().columns == {1}


def test_a_sum_over_many_hparams_stays_small_and_exact() -> None:
    space = SearchSpace(tuple(Hparam(f"h{i}", (0, 1, 2, 3, 4)) for i in range(30)))

    def total(batch: IntArray) -> IntArray:
        result = pick(WIDTHS, batch[:, 0])
        for column in range(1, 30):
            result = settle(result + pick(WIDTHS, batch[:, column]))
        doubled: IntArray = result * 2
        return doubled

    batch = space.random(300, np.random.default_rng(1))
    table = over_choices(total(every_candidate(space)))
    assert table.values.size < 5000
    assert table.columns == set(range(30))
    np.testing.assert_array_equal(looked_up(table, batch), total(batch))


def test_sums_are_condensed_by_themselves_before_they_grow_too_large() -> None:
    space = SearchSpace(tuple(Hparam(f"h{i}", (0, 1, 2, 3, 4)) for i in range(12)))

    def total(batch: IntArray) -> IntArray:
        result = pick(WIDTHS, batch[:, 0])
        for column in range(1, 12):
            result = result + pick(WIDTHS, batch[:, column])
        return result

    batch = space.random(300, np.random.default_rng(1))
    np.testing.assert_array_equal(looked_up(total(every_candidate(space)), batch), total(batch))


def test_a_flag_that_many_hparams_raise_becomes_one_variable_of_two_states() -> None:
    batch = every_candidate(SPACE)
    flag = np.equal(batch[:, 0], 1) | np.equal(batch[:, 1], 1) | np.equal(batch[:, 3], 1)
    settled = over_choices(settle(flag))
    assert [variable.count for variable in settled.variables] == [2]
    assert settled.columns == {0, 1, 3}
    # Whoever settles it anew gets the same variable.
    assert over_choices(settle(flag)).variables == settled.variables


def test_a_number_with_too_many_different_values_is_refused() -> None:
    space = SearchSpace(tuple(Hparam(f"h{i}", tuple(range(32))) for i in range(5)))
    batch = every_candidate(space)
    code = (batch[:, 0] * 1000 + batch[:, 1]) * 1000 + batch[:, 2]
    with pytest.raises(TooManyChoicesError, match=f"at most {LARGEST} joint choices"):
        code * 1000 + (batch[:, 3] * 1000 + batch[:, 4])


def test_what_is_not_elementwise_is_refused() -> None:
    batch = every_candidate(SPACE)
    choice = batch[:, 0]
    with pytest.raises(TypeError, match=r"no implementation found for 'numpy\.sort'"):
        np.sort(choice)
    with pytest.raises(IndexError, match="indices"):
        WIDTHS[choice]
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(choice == 1)
    with pytest.raises(TypeError, match="got a batch's array"):
        choice + np.arange(4)
    with pytest.raises(TypeError, match="has no rows"):
        batch[:2, 0]


def test_it_is_never_changed_in_place() -> None:
    choice = cast(Any, every_candidate(SPACE)[:, 0])
    with pytest.raises(TypeError, match="returned NotImplemented"):
        choice += 1


def test_what_a_long_chain_depends_on_is_known_at_once() -> None:
    """Each of 200 pairs follows from both before it: there are 2 ** 200 ways through them."""
    pair = (Variable(2, 0), Variable(2, 1))
    for _ in range(200):
        source = ChoiceArray(pair, np.array([[0, 1], [1, 0]]))
        pair = (Variable(2, source), Variable(2, source))
    assert ChoiceArray(pair, np.zeros((2, 2))).columns == {0, 1}
