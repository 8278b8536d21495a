"""Plain compressions that just keep the limits, and a survey of what the limits leave."""

from __future__ import annotations

import numpy as np
import pytest

from tightfit import (
    Candidate,
    Constraint,
    FloatArray,
    Hparam,
    IntArray,
    SearchSpace,
    Sense,
    SpecError,
)
from tightfit.search import reference_candidates, survey, technique_columns

RATIOS = (0.0, 0.25, 0.5, 0.75)
BITS = (None, 8, 4)
SPACE = SearchSpace(
    (
        *(Hparam(f"layer{i}.pruning_ratio", RATIOS) for i in range(4)),
        *(Hparam(f"layer{i}.bits", BITS) for i in range(4)),
        Hparam("input.size", (1.0, 0.5)),
        Hparam("layer0.rank", (None,)),
        Hparam("training.epochs", (2, 4, 8)),
    )
)
BASE = SPACE.from_choices({"training.epochs": 8})
SIZE = Constraint("size", Sense.AT_MOST, 0.2)


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return size and latency as shares of the baseline's: input size lowers latency alone."""
    kept = 1 - np.array(RATIOS)[batch[:, :4]]
    bits = np.array([32, 8, 4])[batch[:, 4:8]]
    side = np.array([1.0, 0.5])[batch[:, 8]]
    return {
        "size": (kept * bits / 32).mean(axis=1),
        "latency": kept.mean(axis=1) * side**2,
    }


def test_uniform_compressions_just_keep_the_limits() -> None:
    found = reference_candidates(SPACE, costs, [SIZE], base=BASE)
    uniform = [each for each in found if each.origin.startswith("uniform")]
    assert [each.origin for each in uniform] == [
        "uniform: pruning 0.25, quantization 8",
        "uniform: quantization 4",
    ]
    for each in uniform:
        assert each.excess == 0
        choices = SPACE.choices(each.candidate)
        assert len({choices[f"layer{i}.pruning_ratio"] for i in range(4)}) == 1
        assert costs(SPACE.batch([each.candidate]))["size"][0] <= 0.2


def test_every_uniform_compression_is_as_weak_as_can_be() -> None:
    limits = [SIZE, Constraint("latency", Sense.AT_MOST, 0.5)]
    found = reference_candidates(SPACE, costs, limits, base=BASE, uniform=9)
    uniform = [each for each in found if each.origin.startswith("uniform")]
    assert len(uniform) >= 3
    columns = technique_columns(SPACE)
    for each in uniform:
        for technique in columns.values():
            weaker = np.array(each.candidate.indices)
            if weaker[technique[0]] == 0:
                continue
            weaker[technique] -= 1
            reached = costs(weaker[None])
            assert reached["size"][0] > 0.2 or reached["latency"][0] > 0.5


def test_a_share_of_the_blocks_is_dropped_evenly_over_the_network() -> None:
    space = SearchSpace(tuple(Hparam(f"block{i}.depth", (1, 0)) for i in range(8)))

    def share(batch: IntArray) -> dict[str, FloatArray]:
        return {"size": 1 - batch.mean(axis=1)}

    limit = Constraint("size", Sense.AT_MOST, 0.5)
    found = reference_candidates(space, share, [limit], base=space.baseline())
    assert [each.origin for each in found] == ["uniform: depth 4 of 8", "depth alone"]
    for each in found:
        assert sum(each.candidate.indices) == 4
        assert abs(np.diff(each.candidate.indices)).sum() >= 6  # every other one
        assert each.excess == 0


def test_no_more_uniform_compressions_than_wanted() -> None:
    found = reference_candidates(SPACE, costs, [SIZE], base=BASE, uniform=1)
    assert [each.origin for each in found] == [
        "uniform: pruning 0.25, quantization 8",
        "pruning alone",
        "quantization alone",
        "input size alone",
    ]


def test_a_technique_alone_is_as_weak_as_the_limits_allow() -> None:
    limit = Constraint("size", Sense.AT_MOST, 0.25)
    found = {each.origin: each for each in reference_candidates(SPACE, costs, [limit], base=BASE)}
    assert found["pruning alone"].candidate.indices == (3,) * 4 + (0,) * 6 + (2,)
    assert found["quantization alone"].candidate.indices == (0,) * 4 + (1,) * 4 + (0, 0, 2)
    assert found["quantization alone"].excess == 0


def test_a_technique_that_cannot_keep_the_limits_says_how_near_it_comes() -> None:
    found = {each.origin: each for each in reference_candidates(SPACE, costs, [SIZE], base=BASE)}
    assert found["pruning alone"].excess == pytest.approx(0.25 / 0.2 - 1)
    assert found["pruning alone"].candidate.indices[:4] == (3, 3, 3, 3)
    assert found["input size alone"].excess == pytest.approx(1 / 0.2 - 1)


def test_nothing_is_uniform_where_nothing_keeps_the_limits() -> None:
    tight = Constraint("size", Sense.AT_MOST, 0.001)
    found = reference_candidates(SPACE, costs, [tight], base=BASE)
    assert [each.origin for each in found] == [
        "pruning alone",
        "quantization alone",
        "input size alone",
    ]
    assert all(each.excess > 1 for each in found)


def test_without_limits_the_baseline_is_uniform_compression_enough() -> None:
    found = reference_candidates(SPACE, costs, [], base=BASE)
    assert found[0].origin == "uniform: nothing"
    assert found[0].candidate == BASE


def test_a_base_of_another_space_is_refused() -> None:
    with pytest.raises(SpecError, match="has 1 indices, the space 11 hparams"):
        reference_candidates(SPACE, costs, [SIZE], base=Candidate((0,)))


def test_a_technique_without_choices_is_left_out() -> None:
    assert {name: columns.tolist() for name, columns in technique_columns(SPACE).items()} == {
        "pruning": [0, 1, 2, 3],
        "quantization": [4, 5, 6, 7],
        "input size": [8],
    }


def test_a_survey_says_what_the_limits_leave() -> None:
    found = survey(SPACE, costs, [SIZE, Constraint("accuracy", Sense.AT_LEAST, 0.9)])
    assert found.size == 4**4 * 3**4 * 2 * 3
    assert 0.2 < found.share < 0.6
    assert found.broken == {"size <= 0.2": pytest.approx(1 - found.share, abs=0.03)}
    assert found.allowed == found.nearest
    assert found.excess == 0


def test_a_survey_of_limits_that_cannot_be_kept_names_the_nearest() -> None:
    tight = Constraint("size", Sense.AT_MOST, 0.03)
    found = survey(SPACE, costs, [tight])
    assert (found.share, found.allowed) == (0.0, None)
    assert found.excess == pytest.approx(0.25 * 4 / 32 / 0.03 - 1)
    assert found.nearest.indices[:8] == (3,) * 4 + (2,) * 4


def test_a_prediction_with_an_error_leaves_more() -> None:
    exact = survey(SPACE, costs, [SIZE]).share
    assert survey(SPACE, costs, [SIZE], static_errors={"size": 0.1}).share > exact
