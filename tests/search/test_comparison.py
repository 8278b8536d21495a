"""Samplers side by side, on records whose hypervolumes are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.builders import OBJECTIVES, evaluated, screened
from tightfit import Record, SpecError
from tightfit.search import Curve, Trace, bands, best_known, curve, share

CORNER = np.array([0.5, 100.0])
"""Accuracy 0.5 at 100 kB: a member of accuracy 0.5 + a and 100 - s kB adds a times s."""


MISS = screened((9,), size_kb=200.0)


def trained(accuracy: float, size_kb: float) -> Record:
    return evaluated((int(size_kb),), accuracy=accuracy, size_kb=size_kb)


def test_a_curve_counts_trainings_and_the_time_of_what_was_screened_out_before_them() -> None:
    records = (MISS, trained(0.7, 50), MISS, trained(0.9, 50))
    trace = Trace("tpe", 0, records, np.array([1.0, 5.0, 6.0, 12.0]))
    best = best_known(records, OBJECTIVES, CORNER)
    found = curve(trace, OBJECTIVES, CORNER, best=best)
    assert best == pytest.approx(20.0)
    assert found.shares.tolist() == pytest.approx([0.5, 1.0])
    assert found.seconds.tolist() == [5.0, 12.0]
    assert [found.at(seconds) for seconds in (4.9, 5.0, 11.0, 99.0)] == pytest.approx(
        [0.0, 0.5, 0.5, 1.0]
    )
    assert found.arrival() == 2


def test_a_band_is_the_range_of_its_seeds_and_a_short_search_keeps_its_last_share() -> None:
    long = Curve("tpe", 0, np.array([0.2, 0.4, 0.6]), np.arange(3.0))
    short = Curve("tpe", 1, np.array([0.4]), np.arange(1.0))
    other = Curve("random", 0, np.array([0.1]), np.arange(1.0))
    first, second = bands([long, other, short])
    assert (first.sampler, second.sampler) == ("tpe", "random")
    assert first.mean.tolist() == pytest.approx([0.3, 0.4, 0.5])
    assert first.low.tolist() == [0.2, 0.4, 0.4]
    assert first.high.tolist() == [0.4, 0.4, 0.6]


def test_a_search_that_never_comes_near_has_no_arrival() -> None:
    assert Curve("tpe", 0, np.array([0.1, 0.94]), np.arange(2.0)).arrival() is None


def test_without_anything_feasible_every_share_is_0() -> None:
    missed = evaluated((3,), accuracy=0.9, size_kb=150.0)
    best = best_known([MISS, missed], OBJECTIVES, CORNER)
    assert best == 0
    assert best_known([], OBJECTIVES, CORNER) == 0
    trace = Trace("tpe", 0, (MISS, missed), np.array([1.0, 5.0]))
    assert curve(trace, OBJECTIVES, CORNER, best=best).shares.tolist() == [0.0]
    assert share(np.array([3.0, 4.0]), best=4.0).tolist() == [0.75, 1.0]


def test_a_trace_without_a_time_for_each_record_is_refused() -> None:
    with pytest.raises(SpecError, match="each of its 1 records, got 2"):
        Trace("tpe", 0, (MISS,), np.zeros(2))
