"""Compressing where it damages least, until the limits are kept."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.search.test_reference_candidates import BASE, SIZE, SPACE, costs
from tightfit import Constraint, FloatArray, Sense
from tightfit.search import allocated_candidates

HARM = np.array([0.0, 1.0, 3.0, 9.0])


def damage(scales: tuple[float, ...]) -> list[FloatArray]:
    """Return damages of the four ratios; bits, size and training stay as they are."""
    known = [scale * HARM for scale in scales]
    return [*known, *[np.zeros(0)] * (len(SPACE) - len(known))]


def total(row: tuple[int, ...], harm: list[FloatArray]) -> float:
    return sum(float(harm[column][row[column]]) for column in range(4))


def test_what_damages_least_goes_first() -> None:
    limit = Constraint("size", Sense.AT_MOST, 0.85)
    harm = damage((5.0, 1.0, 5.0, 5.0))
    (found,) = allocated_candidates(
        SPACE, costs, [limit], base=BASE, damage=harm, static_errors={}, count=1
    )
    assert (found.origin, found.excess) == ("least sensitive", 0)
    choices = SPACE.choices(found.candidate)
    # The last step of the robust layer would damage more than the first one of another.
    ratios = [choices[f"layer{i}.pruning_ratio"] for i in range(4)]
    assert ratios == [0.25, 0.5, 0.0, 0.0]
    assert choices["training.epochs"] == 8


@pytest.mark.parametrize("bound", [0.9, 0.7, 0.5])
@pytest.mark.parametrize("scales", [(1.0, 2.0, 3.0, 4.0), (1.0, 1.0, 8.0, 8.0)])
def test_the_damage_is_near_the_least_of_all_that_keep_the_limit(
    bound: float, scales: tuple[float, ...]
) -> None:
    limit, harm = Constraint("size", Sense.AT_MOST, bound), damage(scales)
    (found,) = allocated_candidates(
        SPACE, costs, [limit], base=BASE, damage=harm, static_errors={}, count=1
    )
    rest = BASE.indices[4:]
    rows = [(*ratios, *rest) for ratios in product(range(4), repeat=4)]
    kept = costs(np.array(rows))["size"] <= bound
    best = min(total(row, harm) for row, keeps in zip(rows, kept, strict=True) if keeps)
    step = max(scales) * float(np.diff(HARM).max())
    assert best <= total(found.candidate.indices, harm) <= best + step


def test_further_candidates_keep_tighter_limits() -> None:
    found = allocated_candidates(
        SPACE, costs, [Constraint("size", Sense.AT_MOST, 0.8)], base=BASE,
        damage=damage((1.0, 2.0, 3.0, 4.0)), static_errors={}, count=8,
    )  # fmt: skip
    sizes = [float(costs(SPACE.batch([each.candidate]))["size"][0]) for each in found]
    assert [each.origin for each in found][:2] == ["least sensitive", "least sensitive within 75 %"]
    assert sizes == sorted(sizes, reverse=True)
    assert len(found) == 5  # below a quarter of the size no ratio reaches
    assert all(each.excess == 0 for each in found)


def test_a_limit_out_of_reach_gives_the_nearest_with_its_excess() -> None:
    (found,) = allocated_candidates(
        SPACE, costs, [SIZE], base=BASE, damage=damage((1.0, 1.0, 1.0, 1.0)), static_errors={},
        count=3,
    )  # fmt: skip
    assert found.excess == pytest.approx(0.25 / 0.2 - 1)
    assert found.candidate.indices[:4] == (3, 3, 3, 3)
