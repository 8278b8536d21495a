"""The grey box: what it is told may be right, wrong or nothing; limits may leave very little."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    REFERENCE_HYPERVOLUME,
    REFERENCE_POINT,
    SPACE,
    costs,
    errors,
    noisy_damage,
)
from tightfit import Constraint, FloatArray, Hparam, IntArray, SearchSpace
from tightfit.search import hypervolume
from tightfit.search.grey_box import GreyBox
from tightfit.search.observations import Observations
from tightfit.search.region import Region, Row
from tightfit.search.screening import Screen

Quality = Callable[[IntArray], FloatArray]
Damage = Sequence[FloatArray] | None


def search(
    trials: int,
    *,
    seed: int = 0,
    damage: Damage = None,
    quality: Quality = errors,
    limits: Sequence[Constraint] = CONSTRAINTS,
) -> list[Row]:
    """Return what the grey box proposes, one after the other."""
    region = Region.survey(SPACE, Screen(SPACE, costs, limits, errors={}))
    box = GreyBox(region, OBJECTIVES, limits, damage=damage)
    rows: list[Row] = []
    for number in range(trials):
        row = box.propose(seen(rows, quality), np.random.default_rng([seed, number]))
        if row is None:
            break
        rows.append(row)
    return rows


def seen(rows: list[Row], quality: Quality, pending: Sequence[Row] = ()) -> Observations:
    """Return observations of candidates."""
    batch = np.array(rows, dtype=np.int64).reshape(-1, len(SPACE))
    return Observations(
        rows=batch,
        values={"error": quality(batch), "size": costs(batch)["size"]},
        pending=np.array(pending, dtype=np.int64).reshape(-1, len(SPACE)),
        seen={*rows, *pending},
    )


def reached(rows: list[Row], quality: Quality = errors) -> float:
    """Return the hypervolume as a share of the best known."""
    batch = np.array(rows, dtype=np.int64)
    points = np.column_stack([quality(batch), costs(batch)["size"]])
    directions = [each.direction for each in OBJECTIVES]
    return hypervolume(points, REFERENCE_POINT, directions=directions) / REFERENCE_HYPERVOLUME


def test_few_trainings_with_sensitivities_come_near_the_best_known_front() -> None:
    assert reached(search(14, damage=noisy_damage(0))) > 0.65


@pytest.mark.slow
def test_without_any_belief_thirty_trainings_come_far() -> None:
    assert np.mean([reached(search(30, seed=seed)) for seed in (0, 1)]) > 0.75


def test_a_proposal_follows_from_the_seed_and_the_number() -> None:
    first = search(8, damage=noisy_damage(0))
    assert first == search(8, damage=noisy_damage(0))
    assert first != search(8, seed=1, damage=noisy_damage(0))


def test_the_unit_of_a_quality_does_not_matter() -> None:
    def tiny(batch: IntArray) -> FloatArray:
        return 2.0**-40 * errors(batch)

    usual = search(14, damage=noisy_damage(0))
    assert search(14, damage=noisy_damage(0), quality=tiny) == usual


def test_without_a_static_limit_what_costs_is_believed_to_damage_too() -> None:
    widths = np.array([8.0, 6.0, 4.0, 2.0, 1.0])
    layers = [Hparam(f"layer{i}.width", tuple(widths.tolist())) for i in range(6)]
    space = SearchSpace((*layers, Hparam("training.length", (1, 2))))

    def sizes(batch: IntArray) -> dict[str, FloatArray]:
        return {"size": widths[batch[:, :6]].sum(axis=1)}

    box = GreyBox(Region.survey(space, Screen(space, sizes, (), errors={})), OBJECTIVES, ())
    under_way = [(0,) * 7, (4,) * 6 + (0,)]  # the loosest budget and the tightest
    nothing = Observations(
        rows=np.zeros((0, 7), dtype=np.int64),
        values={"error": np.zeros(0), "size": np.zeros(0)},
        pending=np.array(under_way, dtype=np.int64),
        seen=frozenset(under_way),
    )
    rows = [box.propose(nothing, np.random.default_rng(seed)) for seed in range(12)]
    layerwise = np.array(rows)[:, :6]
    # Damage is believed to grow with every choice: a budget is shared by all layers.
    assert layerwise.std(axis=1).mean() < 0.9


def test_what_is_under_way_is_neither_proposed_again_nor_ignored() -> None:
    region = Region.survey(SPACE, Screen(SPACE, costs, CONSTRAINTS, errors={}))
    box = GreyBox(region, OBJECTIVES, CONSTRAINTS, damage=noisy_damage(0))
    done = search(10, damage=noisy_damage(0))
    batch: list[Row] = []
    for _ in range(4):
        row = box.propose(seen(done, errors, batch), np.random.default_rng([0, 10]))
        assert row is not None
        batch.append(row)
    assert len({*done, *batch}) == 14
    sizes = costs(np.array(batch))["size"]
    assert np.ptp(sizes) > 0.005  # not four times the same place of the front


@pytest.mark.slow
def test_more_candidates_than_a_process_holds_are_learned_from_stopped_ones_among_them() -> None:
    region = Region.survey(SPACE, Screen(SPACE, costs, CONSTRAINTS, errors={}))
    box = GreyBox(region, OBJECTIVES, CONSTRAINTS, damage=noisy_damage(0))
    batch = np.unique(region.draws(400, np.random.default_rng(0)), axis=0)[:200]
    early = np.arange(len(batch)) % 4 == 0
    many = replace(
        seen(list(map(tuple, batch.tolist())), errors),
        early=early,
        doubts={"error": 0.05 * early, "size": np.zeros(len(batch))},
    )
    row = box.propose(many, np.random.default_rng(1))
    assert row is not None
    assert row not in many.seen
    gain = box.gain(row, many)
    assert gain is not None
    assert 0.0 < gain < 1.0
