from __future__ import annotations

import pytest

from tightfit.studies.figures.axes import near, reach, view, wants_log


def test_a_view_shows_what_matters_and_what_is_near_it() -> None:
    low, high = view([1.0, 2.0], [2.5, 40.0], log=False)

    assert low < 1.0
    assert 2.5 < high < 3.0


def test_a_single_value_gets_room_on_both_sides() -> None:
    low, high = view([5.0], [], log=False)
    assert low < 5.0 < high

    low, high = view([0.0], [], log=False)
    assert low < 0.0 < high


def test_a_logarithmic_view_is_in_powers_of_ten() -> None:
    low, high = view([10.0, 1000.0], [-3.0, 0.0], log=True)

    assert low == pytest.approx(1 - 0.14)
    assert high == pytest.approx(3 + 0.14)


def test_only_wide_positive_values_want_a_logarithm() -> None:
    assert wants_log([1.0, 20.0])
    assert not wants_log([1.0, 19.0])
    assert not wants_log([0.0, 100.0])
    assert not wants_log([])


def test_nothing_that_is_not_positive_is_near_on_a_logarithmic_axis() -> None:
    assert not near(0.0, [1.0, 10.0], log=True, widths=5.0)
    assert near(100.0, [1.0, 10.0], log=True, widths=1.0)


def test_a_shaded_side_reaches_the_end_of_the_view_and_of_the_data() -> None:
    assert reach([5.0, 50.0], (1.0, 10.0), log=False) == (1.0, 50.0)
    assert reach([5.0, -1.0], (0.0, 1.0), log=True) == (1.0, 10.0)
