"""Hypervolume against a count of cells, and by its laws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.search.builders import OBJECTIVES, evaluated, screened
from tightfit import Direction, FloatArray, SpecError
from tightfit.search import hypervolume, hypervolume_history

MIN, MAX = Direction.MINIMIZE, Direction.MAXIMIZE


def cells(points: list[tuple[int, ...]], reference: tuple[int, ...]) -> int:
    """Count the unit cells that a point dominates, smaller being better."""
    return sum(
        any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points)
        for cell in product(*(range(-2, corner) for corner in reference))
    )


@given(st.integers(1, 3), st.data())
@settings(max_examples=150)
def test_hypervolume_is_the_number_of_dominated_cells(m: int, data: st.DataObject) -> None:
    point = st.tuples(*[st.integers(-2, 6)] * m)
    points = data.draw(st.lists(point, max_size=6))
    values = np.array(points, dtype=float).reshape(len(points), m)
    exact = hypervolume(values, np.full(m, 4.0), directions=[MIN] * m)
    assert exact == pytest.approx(cells(points, (4,) * m))


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=8))
@settings(max_examples=50)
def test_maximizing_is_minimizing_the_negative(points: list[tuple[float, ...]]) -> None:
    values = np.array(points)
    signs = np.array([1.0, -1.0, 1.0])
    as_given = hypervolume(values, np.array([0.8, 0.2, 0.9]), directions=[MIN, MAX, MIN])
    negated = hypervolume(values * signs, np.array([0.8, -0.2, 0.9]), directions=[MIN] * 3)
    assert as_given == pytest.approx(negated)


def test_no_points_dominate_nothing() -> None:
    assert hypervolume(np.empty((0, 2)), np.ones(2), directions=[MIN, MIN]) == 0.0


def test_a_point_on_the_reference_adds_nothing() -> None:
    assert hypervolume(np.array([[1.0, 0.0]]), np.ones(2), directions=[MIN, MIN]) == 0.0


@pytest.mark.parametrize("m", [0, 4])
def test_other_numbers_of_objectives_are_refused(m: int) -> None:
    with pytest.raises(SpecError, match=f"1 to 3 objectives, got {m}"):
        hypervolume(np.ones((1, m)), np.ones(m), directions=[MIN] * m)


@pytest.mark.parametrize("points", [np.ones((2, 3)), np.ones(4)])
def test_points_of_another_size_are_refused(points: FloatArray) -> None:
    with pytest.raises(SpecError, match="must have 2 objectives"):
        hypervolume(points, np.ones(2), directions=[MIN, MIN])


def test_history_grows_with_feasible_records_only() -> None:
    records = [
        evaluated((0,), accuracy=0.5, size_kb=50.0),
        evaluated((1,), accuracy=0.9, size_kb=150.0, limit=100.0),
        screened((2,), size_kb=120.0, limit=100.0),
        evaluated((3,), accuracy=0.6, size_kb=60.0),
        evaluated((4,), accuracy=0.4, size_kb=70.0),
    ]
    history = hypervolume_history(records, OBJECTIVES, np.array([0.0, 100.0]))
    assert history.tolist() == pytest.approx([25.0, 25.0, 25.0, 29.0, 29.0])
