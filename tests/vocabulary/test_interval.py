from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tightfit import Constraint, Kind, MeasurementError, Reading, Sense, Stage
from tightfit.interval import student, wilson


def accuracy(share: float, n: int) -> Reading:
    error = math.sqrt(share * (1 - share) / n)
    return Reading(share, Kind.MEASURED, Stage.LEARNED, stderr=error, repeats=n, answers=True)


@pytest.mark.parametrize(("right", "n"), [(0, 20), (1, 20), (45, 90), (1342, 1500), (90, 90)])
def test_wilsons_interval_is_that_of_the_score_test(right: int, n: int) -> None:
    found = wilson(right / n, n)
    known = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-6)


@pytest.mark.parametrize("repeats", [2, 3, 4, 5, 6, 9, 30, 2000])
def test_students_interval_is_wide_where_repeats_are_few(repeats: int) -> None:
    found = student(10.0, 0.5, repeats)
    assert found.high - 10.0 == pytest.approx(0.5 * stats.t.ppf(0.975, repeats - 1), rel=1e-3)
    assert found.low + found.high == pytest.approx(20.0)


@pytest.mark.parametrize("share", [0.5, 0.85, 0.98])
def test_wilsons_interval_covers_as_often_as_it_says(share: float) -> None:
    drawn = np.random.default_rng(0).binomial(300, share, 4000)
    covered = np.mean([wilson(right / 300, 300).holds(share) for right in drawn])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_a_share_of_answers_gets_wilsons_interval_and_other_readings_do_not() -> None:
    assert accuracy(1.0, 90).interval == wilson(1.0, 90)
    assert accuracy(1.0, 90).interval.low < 1.0
    spread = Reading(0.0, Kind.MEASURED, Stage.LEARNED, stderr=0.0, repeats=3)
    assert spread.interval.width == 0
    latency = Reading(0.4, Kind.MEASURED, Stage.RUNTIME, stderr=0.02, repeats=5)
    assert latency.interval == student(0.4, 0.02, 5)


def test_a_share_of_answers_lies_in_0_to_1_and_is_read_back_as_one() -> None:
    with pytest.raises(MeasurementError, match=r"must lie in \[0, 1\], got 1\.2"):
        Reading(1.2, Kind.MEASURED, Stage.LEARNED, answers=True)
    assert Reading.from_json(accuracy(0.0, 90).to_json()) == accuracy(0.0, 90)


def test_what_is_counted_is_exact() -> None:
    size = Reading(612.5, Kind.COUNTED, Stage.RUNTIME)
    assert size.interval.width == 0


def test_a_limit_is_kept_by_its_value_and_within_noise_where_the_interval_reaches_over_it() -> None:
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.88)
    assert floor.excess(floor.judged(accuracy(0.89, 1500))) < 0
    assert floor.within_noise(accuracy(0.89, 1500))
    assert not floor.within_noise(accuracy(0.92, 1500))
    assert not floor.within_noise(accuracy(0.87, 1500))


def test_a_confident_limit_demands_the_whole_interval() -> None:
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.88, confident=True)
    assert floor.excess(floor.judged(accuracy(0.89, 1500))) > 0
    assert floor.excess(floor.judged(accuracy(0.92, 1500))) < 0
    assert not floor.within_noise(accuracy(0.92, 1500))
    ceiling = Constraint("latency_ms", Sense.AT_MOST, 1.0, confident=True)
    assert ceiling.excess(ceiling.judged(Reading(0.99, Kind.MEASURED, Stage.RUNTIME, 0.1, 5))) > 0
    predicted = Reading(0.99, Kind.ESTIMATED, Stage.STATIC)
    assert ceiling.excess(ceiling.judged(predicted)) < 0


def test_a_margin_is_what_a_confident_limit_demands_beyond_its_bound() -> None:
    reading = Reading(0.9, Kind.MEASURED, Stage.RUNTIME, stderr=0.01)
    for sense in Sense:
        whole = Constraint("latency_ms", sense, 1.0, confident=True)
        assert whole.margin(reading) == pytest.approx(0.01959964)
        assert Constraint("latency_ms", sense, 1.0).margin(reading) == 0
