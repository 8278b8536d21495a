"""The front against all pairs, its picks, and what nearly made it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.builders import OBJECTIVES, evaluated, failed, screened
from tightfit import Direction, Objective, Record, SpecError
from tightfit.search import Front, nearest_misses, pareto_front, total_violation

VALUES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


def front_of(*points: tuple[float, float]) -> Front:
    """Return the front of records with these accuracies and sizes."""
    records = [
        evaluated((position,), accuracy=accuracy, size_kb=size)
        for position, (accuracy, size) in enumerate(points)
    ]
    return pareto_front(records, OBJECTIVES)


def beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether a is no worse in accuracy and size, and better in one."""
    return a[0] >= b[0] and a[1] <= b[1] and a != b


@given(VALUES)
@settings(max_examples=150)
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    kept = {point for point in points if not any(beats(other, point) for other in points)}
    front = front_of(*points)
    assert [tuple(row) for row in front.values] == sorted(kept, reverse=True)


@given(VALUES)
@settings(max_examples=50)
def test_of_equal_records_the_earliest_is_a_member(points: list[tuple[float, float]]) -> None:
    for member, values in zip(front_of(*points).members, front_of(*points).values, strict=True):
        assert member.candidate.indices[0] == points.index((values[0], values[1]))


def test_infeasible_records_are_no_members() -> None:
    records = [
        evaluated((0,), accuracy=0.9, size_kb=101.0),
        screened((1,), size_kb=120.0),
        failed((2,)),
        evaluated((3,), accuracy=0.5, size_kb=100.0),
    ]
    front = pareto_front(records, OBJECTIVES)
    assert [member.candidate.indices for member in front.members] == [(3,)]


def test_the_knee_is_farthest_below_the_line_between_the_extremes() -> None:
    front = front_of((1.0, 100.0), (0.95, 20.0), (0.6, 12.0), (0.5, 0.0))
    assert front.knee() is front.members[1]


def test_the_knee_of_one_member_is_itself() -> None:
    front = front_of((0.8, 50.0))
    assert front.knee() is front.members[0]


def test_three_objectives_have_a_knee() -> None:
    objectives = (*OBJECTIVES, Objective("latency_ms", Direction.MINIMIZE))
    records = [
        evaluated((0,), accuracy=1.0, size_kb=90.0, latency_ms=9.0),
        evaluated((1,), accuracy=0.9, size_kb=20.0, latency_ms=2.0),
        evaluated((2,), accuracy=0.2, size_kb=10.0, latency_ms=5.0),
    ]
    front = pareto_front(records, objectives)
    assert len(front) == 3
    assert front.knee() is records[1]


def test_best_picks_by_an_objective() -> None:
    front = front_of((0.9, 80.0), (0.7, 20.0))
    assert front.best("accuracy") is front.members[0]
    assert front.best("size_kb") is front.members[1]


def test_best_refuses_what_is_no_objective() -> None:
    with pytest.raises(SpecError, match=r"'latency_ms' is not an objective.*'accuracy', 'size_kb'"):
        front_of((0.9, 80.0)).best("latency_ms")


@pytest.mark.parametrize("pick", ["knee", "best"])
def test_an_empty_front_has_no_picks(pick: str) -> None:
    front = pareto_front([], OBJECTIVES)
    with pytest.raises(SpecError, match="the front is empty"):
        _ = front.knee() if pick == "knee" else front.best("accuracy")


def test_a_front_without_objectives_is_refused() -> None:
    with pytest.raises(SpecError, match="1 to 3 objectives, got 0"):
        Front((), ())


def test_the_hypervolume_of_a_front_counts_its_members() -> None:
    front = front_of((0.5, 50.0), (0.6, 60.0))
    assert front.hypervolume(np.array([0.0, 100.0])) == pytest.approx(29.0)


def test_nearest_misses_are_ordered_by_how_far_they_miss() -> None:
    near, far = screened((0,), size_kb=101.0), evaluated((1,), accuracy=0.9, size_kb=150.0)
    kept: Record = evaluated((2,), accuracy=0.5, size_kb=60.0)
    records = [far, failed((3,)), kept, near]
    assert nearest_misses(records, 5) == (near, far)
    assert nearest_misses(records, 1) == (near,)
    assert total_violation(far) == pytest.approx(0.5)


def test_of_equal_misses_the_evaluated_one_goes_first() -> None:
    records = [screened((0,), size_kb=110.0), evaluated((1,), accuracy=0.9, size_kb=110.0)]
    assert nearest_misses(records, 1) == (records[1],)
