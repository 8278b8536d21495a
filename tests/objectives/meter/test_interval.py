from __future__ import annotations

import numpy as np
import pytest

from tightfit import Kind, Reading, Stage
from tightfit.objectives.meter.interval import FEWEST, median_interval


@pytest.mark.parametrize("n", [FEWEST, 9, 15, 40])
def test_the_interval_covers_the_median_nineteen_times_in_twenty(n: int) -> None:
    rng = np.random.default_rng(0)
    samples = [np.exp(rng.standard_normal(n)) for _ in range(2000)]
    found = [median_interval(list(sample)) for sample in samples]
    assert sum(each.low <= 1.0 <= each.high for each in found) / len(found) >= 0.94


def test_readings_far_off_do_not_widen_it_where_they_are_few() -> None:
    readings = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0, 1.0]
    assert median_interval([*readings, 7.0]).half_width < 0.02


def test_more_readings_make_it_narrower() -> None:
    rng = np.random.default_rng(1)
    widths = [median_interval(list(rng.normal(10, 1, n))).half_width for n in (6, 60, 600)]
    assert widths[0] > widths[1] > widths[2]


def test_the_ends_of_few_readings_are_their_range() -> None:
    found = median_interval([3.0, 1.0, 2.0])
    assert (found.low, found.median, found.high) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize("n", [3, FEWEST, 40])
def test_a_reading_has_the_interval_that_its_standard_error_was_made_of(n: int) -> None:
    values = list(np.random.default_rng(2).normal(10, 1, n))
    found = median_interval(values)
    reading = Reading(
        (found.low + found.high) / 2,
        Kind.MEASURED,
        Stage.RUNTIME,
        stderr=found.stderr(n),
        repeats=n,
    )
    assert (reading.interval.low, reading.interval.high) == pytest.approx((found.low, found.high))
