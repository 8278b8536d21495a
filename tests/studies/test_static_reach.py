"""What random candidates miss is found, and what is said to be impossible is proven."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tightfit import Constraint, Sense
from tightfit.objectives.profile import CPU
from tightfit.search.survey import survey
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, ScheduleSettings, SpaceSettings
from tightfit.studies.costs import StaticCosts
from tightfit.studies.prediction_error import static_allowance, static_errors
from tightfit.studies.static_reach import static_reach

WIDTHS = (47, 52, 23, 41, 22, 11, 9, 29, 17, 50, 38, 31, 55, 44, 13)


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    """Fifteen layers, each whole or halved: too many combinations to be listed."""
    layers: list[nn.Module] = []
    for read, given in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(read, given, 1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], 4))
    settings = SpaceSettings(PruningSettings(ratios=(0.0, 0.5)), schedule=ScheduleSettings((1,)))
    return CompressionSpace(net, torch.zeros(1, 3, 2, 2), settings=settings)


def between(low: float, high: float) -> list[Constraint]:
    return [
        Constraint("params", Sense.AT_LEAST, low),
        Constraint("params", Sense.AT_MOST, high),
    ]


def test_a_candidate_that_random_ones_miss_is_found_and_its_absence_is_proven(
    space: CompressionSpace,
) -> None:
    costs, searched = StaticCosts(space, CPU), space.search_space
    hidden = searched.random(1, np.random.default_rng(5))
    params = float(costs(hidden)["params"][0])
    limits = between(params, params)
    assert survey(searched, costs, limits).allowed is None
    found = static_reach(space, costs, limits)
    assert found.possible
    assert found.survey.allowed is not None
    assert costs(searched.batch([found.survey.allowed]))["params"][0] == params
    assert found.survey.excess == 0
    nothing = static_reach(space, costs, between(params + 0.1, params + 0.9))
    assert nothing.possible is False
    assert nothing.survey.allowed is None
    assert not nothing.why


@pytest.mark.parametrize(
    ("sense", "bound"),
    [
        (Sense.AT_MOST, 0.2),
        (Sense.AT_MOST, 900.0),
        (Sense.AT_LEAST, 1.0),
        (Sense.AT_LEAST, 20.0),
        (Sense.AT_LEAST, -1.0),
    ],
)
def test_draws_are_let_pass_as_far_as_a_proof_allows(sense: Sense, bound: float) -> None:
    limit = Constraint("size_kb", sense, bound)
    error, allowed = static_errors((limit,))["size_kb"], static_allowance(limit)
    sign = 1 if sense is Sense.AT_MOST else -1
    for value in (allowed / 2, 0.99 * allowed, 1.01 * allowed, 2 * allowed, 0.1, 9.0, 5000.0):
        if value > 0:
            assert (limit.excess(value - sign * error * value) <= 0) == (
                sign * value <= sign * allowed
            )
