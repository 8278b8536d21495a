"""Draws keep the limits, also where next to nothing does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tightfit import Constraint, FloatArray, Hparam, IntArray, SearchSpace, Sense
from tightfit.search.region import ENUMERABLE, Region, as_row
from tightfit.search.screening import Screen

WIDTH = 40
SPACE = SearchSpace(
    (
        *(Hparam(f"layer{i}.pruning_ratio", (0.0, 0.25, 0.5, 0.75, 0.9)) for i in range(WIDTH)),
        Hparam("training.epochs", (2, 4, 8)),
    )
)
_WEIGHTS = np.random.default_rng(0).uniform(0.2, 1.0, WIDTH)


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return the share of the weights that is kept, and a sum that two corners only lower."""
    kept = np.array([1.0, 0.75, 0.5, 0.25, 0.1])[batch[:, :WIDTH]]
    return {
        "size": kept @ _WEIGHTS / _WEIGHTS.sum(),
        "latency": kept.mean(axis=1),
    }


def region(size: float, space: SearchSpace = SPACE) -> Region:
    """Return the region below a limit on the size."""
    limit = (Constraint("size", Sense.AT_MOST, size),)
    return Region.survey(space, Screen(space, costs, limit, errors={}))


def draws(where: Region, n: int, seed: int = 0) -> list[tuple[int, ...]]:
    """Draw ``n`` different candidates."""
    rng = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    rows = []
    for _ in range(n):
        row = where.draw(rng, seen)
        assert row is not None
        seen.add(row)
        rows.append(row)
    return rows


@pytest.mark.parametrize("limit", [0.6, 0.45, 0.3, 0.15, 0.103])
def test_draws_keep_the_limits_and_differ(limit: float) -> None:
    rows = draws(region(limit), 30)
    assert (costs(np.array(rows))["size"] <= limit).all()
    assert len(set(rows)) == 30


def test_the_share_says_how_wide_a_region_is() -> None:
    assert region(2.0).share == 1.0
    assert 0.5 < region(0.55).share < 0.9
    assert region(0.3).share < 0.001


def test_draws_of_a_wide_region_are_uniform() -> None:
    rows = np.array(draws(region(2.0), 2_000))
    counts = np.stack([(rows == choice).mean(axis=0) for choice in range(5)])[:, :WIDTH]
    assert counts == pytest.approx(0.2, abs=0.06)


def test_draws_of_a_narrow_region_are_spread_over_it() -> None:
    rows = np.array(draws(region(0.3), 200))
    sizes = costs(rows)["size"]
    assert sizes.min() < 0.15
    assert sizes.max() > 0.28
    # Every layer is sometimes pruned little, and what costs nothing is drawn evenly.
    assert (rows[:, :WIDTH].min(axis=0) <= 1).all()
    assert np.bincount(rows[:, WIDTH], minlength=3) == pytest.approx(200 / 3, abs=30)


def test_hparams_that_cost_nothing_are_known() -> None:
    assert region(0.3).free.tolist() == [WIDTH]
    assert region(0.3).costly.tolist() == list(range(WIDTH))


def test_nothing_is_drawn_where_nothing_keeps_the_limits() -> None:
    assert region(0.0999).draw(np.random.default_rng(0), set()) is None


def test_a_single_allowed_corner_is_found() -> None:
    (row,) = {row[:WIDTH] for row in draws(region(0.1000001), 3)}
    assert row == (4,) * WIDTH


def test_the_same_seed_draws_the_same() -> None:
    assert draws(region(0.3), 5, seed=3) == draws(region(0.3), 5, seed=3)
    assert draws(region(0.3), 5, seed=3) != draws(region(0.3), 5, seed=4)


def distance(a: Sequence[int], b: Sequence[int]) -> int:
    """Return the sum of differences of indices."""
    return int(np.abs(np.array(a) - np.array(b)).sum())


def test_the_nearest_candidate_is_one_change_away_where_one_is_enough() -> None:
    where = region(0.5)
    row = draws(where, 1)[0]
    light = int(_WEIGHTS.argmin())
    near = where.nearest(row, np.random.default_rng(0), {row})
    assert near is not None
    assert distance(row, near) == 1
    assert where.screen.keeps(np.array([near]))[0]
    assert light in range(WIDTH)


def test_far_from_the_limits_the_nearest_candidate_is_walked_to() -> None:
    where = region(0.3)
    near = where.nearest((0,) * (WIDTH + 1), np.random.default_rng(0), set())
    assert near is not None
    assert 0.2 < costs(np.array([near]))["size"][0] <= 0.3
    assert near[WIDTH] == 0


def test_there_is_no_nearest_candidate_where_nothing_keeps_the_limits() -> None:
    assert region(0.0999).nearest((4,) * (WIDTH + 1), np.random.default_rng(0), set()) is None


def test_a_small_space_is_listed_and_drawn_to_its_end() -> None:
    space = SearchSpace(
        (Hparam("fc.bits", (None, 8, 4)), Hparam("fc.group", (1, 2), active_if=("fc.bits", (2,))))
    )
    assert space.size <= ENUMERABLE

    def bits(batch: IntArray) -> dict[str, FloatArray]:
        return {"size": np.array([1.0, 0.25, 0.125])[batch[:, 0]]}

    limit = (Constraint("size", Sense.AT_MOST, 0.5),)
    where = Region.survey(space, Screen(space, bits, limit, errors={}))
    assert where.share == 0.75  # of the four that differ
    assert set(draws(where, 3)) == {(1, 0), (2, 0), (2, 1)}
    assert where.draw(np.random.default_rng(0), {(1, 0), (2, 0), (2, 1)}) is None


def test_a_small_space_of_very_many_hparams_is_listed_as_well() -> None:
    single = [Hparam(f"layer{i}.bits", (8,)) for i in range(67)]
    group = Hparam("fc.group", (1, 2), active_if=("fc.bits", (1,)))
    space = SearchSpace((Hparam("stem.bits", (8, 4, 2)), *single, Hparam("fc.bits", (8, 4)), group))

    def compression(batch: IntArray) -> dict[str, FloatArray]:
        return {"compression": batch.sum(axis=1).astype(np.float64)}

    limit = (Constraint("compression", Sense.AT_MOST, 1.0),)
    where = Region.survey(space, Screen(space, compression, limit, errors={}))
    assert where.share == 3 / 9
    assert where.members is not None
    assert where.members[:, [0, -2, -1]].tolist() == [[0, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert (where.members[:, 1:-2] == 0).all()


def test_batches_of_draws_keep_the_limits() -> None:
    for limit in (0.6, 0.3):
        where = region(limit)
        batch = where.draws(300, np.random.default_rng(0))
        assert 0 < len(batch) <= 300
        assert where.screen.keeps(batch).all()
        assert as_row(batch[0]) == tuple(batch[0])


def test_a_limit_that_must_be_reached_from_below_is_moved_by_its_error() -> None:
    space = SearchSpace((Hparam("fc.bits", (8, 4)),))

    def speed(batch: IntArray) -> dict[str, FloatArray]:
        return {"speed": np.array([90.0, 97.0])[batch[:, 0]]}

    limit = (Constraint("speed", Sense.AT_LEAST, 100.0),)
    rough = Screen(space, speed, limit, errors={"speed": 0.05})
    assert rough.keeps(np.array([[0], [1]])).tolist() == [False, True]
    assert rough.exact == (False,)
    exact = Screen(space, speed, limit, errors={})
    assert exact.keeps(np.array([[0], [1]])).tolist() == [False, False]
    assert exact.exact == (True,)
