from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tightfit import Candidate, Hparam, SearchSpace, SpecError

SPACE = SearchSpace(
    (
        Hparam("conv.pruning_ratio", (0.0, 0.5, 0.75)),
        Hparam("distillation.weight", (None, 0.5, 0.9)),
        Hparam("distillation.temperature", (2.0, 4.0), active_if=("distillation.weight", (1, 2))),
    )
)


def test_an_inactive_hparam_takes_its_first_choice() -> None:
    batch = SPACE.canonical(np.array([[0, 0, 1], [0, 1, 1]]))
    assert batch.tolist() == [[0, 0, 0], [0, 1, 1]]


def test_what_depends_on_an_inactive_hparam_is_inactive() -> None:
    space = SearchSpace(
        (
            Hparam("outer.depth", (1, 0)),
            Hparam("inner.depth", (1, 0), active_if=("outer.depth", (0,))),
            Hparam("inner.bits", (8, 4), active_if=("inner.depth", (0,))),
        )
    )
    batch = space.canonical(np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]))
    assert batch.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 0]]
    assert space.active_choices(space.candidate((0, 1, 0))) == {"outer.depth": 1, "inner.depth": 0}
    assert space.active_choices(space.candidate((1, 0, 0))) == {"outer.depth": 0}


def test_candidates_that_mean_the_same_are_equal_and_have_one_key() -> None:
    a, b = SPACE.candidate((1, 0, 0)), SPACE.candidate((1, 0, 1))
    assert a == b
    assert a.key == b.key


def test_a_key_is_the_same_in_another_process() -> None:
    code = "from tightfit import Candidate; print(Candidate((1, 2, 0)).key)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == Candidate((1, 2, 0)).key


@given(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1)))
def test_choices_lead_back_to_their_candidate(indices: tuple[int, ...]) -> None:
    candidate = SPACE.candidate(indices)
    assert SPACE.from_choices(SPACE.choices(candidate)) == candidate


def test_the_size_is_the_number_of_combinations() -> None:
    assert SPACE.size == 3 * 3 * 2
    assert len(SPACE) == 3


def test_random_candidates_use_every_choice_and_are_canonical() -> None:
    batch = SPACE.random(500, np.random.default_rng(0))
    assert batch.max(axis=0).tolist() == [2, 2, 1]
    assert (batch == SPACE.canonical(batch)).all()


def test_a_batch_of_candidates_is_an_integer_array() -> None:
    assert SPACE.batch([]).shape == (0, 3)
    assert SPACE.batch([SPACE.baseline(), SPACE.candidate((2, 1, 1))]).tolist() == [
        [0, 0, 0],
        [2, 1, 1],
    ]


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ((0, 0), "has 3 indices, got 2"),
        ((3, 0, 0), r"'conv.pruning_ratio' must lie in 0..2, got 3"),
        ((0, -1, 0), r"'distillation.weight' must lie in 0..2, got -1"),
    ],
)
def test_a_row_that_is_no_candidate_is_refused(indices: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        SPACE.candidate(indices)


def test_an_unknown_hparam_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(SpecError, match=r"no hparam 'conv.prunning_ratio'; did you mean 'conv.pru"):
        SPACE.from_choices({"conv.prunning_ratio": 0.5})


def test_a_value_that_is_no_choice_is_answered_with_the_choices() -> None:
    with pytest.raises(SpecError, match=r"must be one of \[0.0, 0.5, 0.75\], got 0.6"):
        SPACE.from_choices({"conv.pruning_ratio": 0.6})


def test_two_hparams_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="two hparams are named 'a'"):
        SearchSpace((Hparam("a", (1, 2)), Hparam("a", (3,))))


def test_an_activity_must_depend_on_an_earlier_hparam() -> None:
    with pytest.raises(SpecError, match="depends on 'b', which must stand before it"):
        SearchSpace((Hparam("a", (1, 2), active_if=("b", (1,))), Hparam("b", (3,))))


@pytest.mark.parametrize("index", [-1, 2])
def test_an_activity_must_depend_on_choices_that_are_there(index: int) -> None:
    message = f"'b' depends on choice {index} of 'a', whose choices have the indices 0..1"
    with pytest.raises(SpecError, match=message):
        SearchSpace((Hparam("a", (1, 2)), Hparam("b", (3, 4), active_if=("a", (0, index)))))


@pytest.mark.parametrize(
    ("choices", "message"), [((), "at least one choice"), ((1, 1), "must differ")]
)
def test_choices_must_be_there_and_differ(choices: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Hparam("a", choices)
