from __future__ import annotations

import numpy as np
import pytest

from tightfit.studies.paired import Paired


def test_the_interval_is_that_of_the_worked_example() -> None:
    """Altman et al., Statistics with Confidence (2000), table 6.2: 0.011 to 0.226."""
    found = Paired(both=14, lost=0, gained=5, neither=22)
    assert found.difference == pytest.approx(5 / 41)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.011, 0.226), abs=5e-4)


def test_losing_and_gaining_are_mirror_images() -> None:
    one, other = Paired(70, 12, 3, 15), Paired(70, 3, 12, 15)
    assert one.difference == -other.difference
    assert one.interval.low == pytest.approx(-other.interval.high)


def test_pictures_that_both_answer_alike_make_the_interval_narrow() -> None:
    alike, apart = Paired(1300, 40, 10, 150), Paired(1190, 150, 120, 40)
    assert alike.difference == apart.difference
    assert alike.interval.width < 0.6 * apart.interval.width


def test_two_that_answer_the_same_still_leave_a_doubt() -> None:
    same = Paired(90, 0, 0, 0)
    assert same.difference == 0
    assert same.interval.low < 0 < same.interval.high


@pytest.mark.parametrize(
    "shares", [(0.85, 0.06, 0.02, 0.07), (0.6, 0.1, 0.1, 0.2), (0.97, 0.02, 0.005, 0.005)]
)
def test_the_interval_covers_as_often_as_it_says(shares: tuple[float, ...]) -> None:
    counts = np.random.default_rng(0).multinomial(300, shares, size=3000)
    truth = shares[2] - shares[1]
    covered = np.mean([Paired(*map(int, each)).interval.holds(truth) for each in counts])
    assert covered >= 0.935


def test_it_survives_json() -> None:
    paired = Paired(70, 12, 3, 15)
    assert Paired.from_json({**paired.to_json(), "value": 0}) == paired
