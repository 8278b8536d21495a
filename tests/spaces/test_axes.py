"""Axes are cut, counted by groups and said to be one, and their positions stay what they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tightfit.spaces.axes import Axis, AxisStore, Dim, Joined, Mismatch, Plain, Product, dims
from tightfit.spaces.ties import owner, positions, width

LEAVES = st.one_of(
    st.builds(Plain, st.integers(1, 4)),
    st.builds(Dim, st.integers(0, 30), st.integers(2, 6)),
)


def distinct(axis: Axis, store: AxisStore) -> Axis:
    """Return an axis of the same structure whose dims are the store's own."""
    match axis:
        case Dim():
            return store.new(axis.size)
        case Joined():
            return Joined(tuple(distinct(part, store) for part in axis.parts))
        case Product():
            return Product(tuple(distinct(part, store) for part in axis.parts))
    return axis


AXES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.builds(lambda p: Joined(tuple(p)), st.lists(parts, min_size=2, max_size=3)),
        st.builds(lambda p: Product(tuple(p)), st.lists(parts, min_size=2, max_size=2)),
    ),
    max_leaves=5,
)


@given(AXES, st.data())
def test_the_two_sides_of_a_cut_are_the_axis(drawn: Axis, data: st.DataObject) -> None:
    store = AxisStore()
    axis = distinct(drawn, store)
    at = data.draw(st.integers(0, axis.size))
    left, right = store.cut(axis, at)
    whole = store.resolve(axis)
    assert (left.size, right.size, whole.size) == (at, axis.size - at, axis.size)
    for dim in dims(whole):
        kept = {dim.number: torch.arange(dim.size - 1)}
        sides = (store.resolve(left), store.resolve(right))
        found = [positions(side, kept) for side in sides]
        assert torch.cat([found[0], found[1] + at]).tolist() == positions(whole, kept).tolist()
        widths = {dim.number: np.array(dim.size - 1)}
        assert [int(width(side, widths)) for side in sides] == [len(each) for each in found]


@given(AXES)
def test_a_position_goes_when_the_dim_that_owns_it_loses_it(drawn: Axis) -> None:
    store = AxisStore()
    axis = store.resolve(distinct(drawn, store))
    for dim in dims(axis):
        gone = owner(axis, dim.number) == 0
        stay = positions(axis, {dim.number: torch.arange(1, dim.size)})
        assert sorted(stay.tolist()) == (~gone).nonzero().flatten().tolist()


def test_what_meets_joined_runs_is_made_of_the_same_runs() -> None:
    store = AxisStore()
    left, right, both = store.new(4), store.new(6), store.new(10)
    store.unify(both, Joined((left, right)))
    assert store.resolve(both) == Joined((left, right))


def test_rows_of_a_rectangle_have_the_same_positions() -> None:
    store = AxisStore()
    first, second = store.new(8), store.new(8)
    outer, inner = store.factor(Joined((first, second)), 2)
    assert outer == Plain(2)
    assert store.resolve(first) == store.resolve(second) == inner


def test_groups_that_are_joined_are_groups() -> None:
    store = AxisStore()
    groups, more, members = store.new(3), store.new(2), store.new(4)
    axis = Joined((Product((groups, members)), Product((more, members))))
    assert store.factor(axis, 5) == (Joined((groups, more)), members)


def test_a_frozen_axis_has_frozen_parts() -> None:
    store = AxisStore()
    axis = store.new(12)
    store.freeze(axis, "because")
    left, _ = store.cut(axis, 4)
    outer, inner = store.factor(left, 2)
    assert [store.frozen[dim.number] for part in (outer, inner) for dim in dims(part)] == [
        "because",
        "because",
    ]


def test_axes_without_a_common_structure_are_told_apart() -> None:
    store = AxisStore()
    with pytest.raises(Mismatch, match="4 positions meet 5"):
        store.unify(store.new(4), store.new(5))
    pairs, triples = store.new(6), store.new(6)
    store.factor(pairs, 2)
    store.factor(triples, 3)
    with pytest.raises(Mismatch, match=r"no multiple of|regrouped"):
        store.unify(pairs, triples)
