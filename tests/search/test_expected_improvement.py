"""Expected improvement against the hypervolume that draws really gain."""

from __future__ import annotations

import numpy as np
import pytest

from tightfit import Direction
from tightfit.search.expected_improvement import expected_improvement
from tightfit.search.hypervolume import hypervolume


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_the_units_of_objectives_do_not_matter(objectives: int) -> None:
    rng, tiny = np.random.default_rng(0), 2.0**-40
    front, means = rng.random((6, objectives)), rng.random((5, objectives))
    corner, deviations = np.full(objectives, 0.9), np.full((5, objectives), 0.2)
    usual, scaled = (
        expected_improvement(
            scale * means, scale * deviations, front=scale * front, corner=scale * corner
        )
        for scale in (1.0, tiny)
    )
    assert scaled == pytest.approx(tiny**objectives * usual, rel=1e-9, abs=0.0)


@pytest.mark.parametrize("objectives", [1, 2, 3])
@pytest.mark.parametrize("known", [0, 1])
def test_it_is_the_mean_of_what_draws_gain(objectives: int, known: int) -> None:
    rng = np.random.default_rng(objectives)
    front = rng.random((6, objectives))
    corner = np.full(objectives, 0.9)
    means, deviations = rng.random((3, objectives)), np.full((3, objectives), 0.2)
    deviations[:, :known] = 0.0
    found = expected_improvement(means, deviations, front=front, corner=corner)
    directions = [Direction.MINIMIZE] * objectives
    before = hypervolume(front, corner, directions=directions)
    draws = means[:, None] + deviations[:, None] * rng.standard_normal((3, 1_500, objectives))
    for expected, points in zip(found, draws, strict=True):
        gains = [
            hypervolume(np.vstack([front, point]), corner, directions=directions) - before
            for point in points
        ]
        assert expected == pytest.approx(
            float(np.mean(gains)), abs=4 * float(np.std(gains)) / 38 + 1e-9
        )
