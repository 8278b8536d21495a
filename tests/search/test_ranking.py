"""The order of candidates at a rung."""

from __future__ import annotations

import numpy as np

from tightfit.search.ranking import ranking

NONE = np.zeros(4)


def test_layers_of_dominance_stand_one_behind_the_other() -> None:
    losses = np.array([[3.0, 3.0], [1.0, 2.0], [2.0, 2.5], [2.0, 1.0]])
    order = ranking(losses, NONE).tolist()
    assert set(order[:2]) == {1, 3}
    assert order[2:] == [2, 0]


def test_within_a_layer_goes_first_what_the_hypervolume_needs_most() -> None:
    # The second lies so near to the first that the front would hardly miss it.
    losses = np.array([[0.0, 10.0], [0.1, 9.9], [5.0, 2.0], [10.0, 0.0]])
    order = ranking(losses, NONE).tolist()
    assert order[0] == 2
    assert order[-1] in (0, 1)


def test_what_breaks_a_limit_stands_behind_everything_that_breaks_none() -> None:
    losses = np.array([[0.0, 0.0], [9.0, 9.0], [1.0, 1.0]])
    assert ranking(losses, np.array([0.2, 0.0, 0.1])).tolist() == [1, 2, 0]


def test_where_all_break_limits_the_least_broken_goes_first() -> None:
    losses = np.array([[0.0], [1.0], [2.0]])
    assert ranking(losses, np.array([0.3, 0.2, 0.1])).tolist() == [2, 1, 0]


def test_equals_stand_in_their_order_and_none_is_lost() -> None:
    losses = np.ones((3, 2))
    assert ranking(losses, np.zeros(3)).tolist() == [0, 1, 2]


def test_one_objective_is_sorted() -> None:
    losses = np.array([[0.3], [0.1], [0.2]])
    assert ranking(losses, np.zeros(3)).tolist() == [1, 2, 0]
