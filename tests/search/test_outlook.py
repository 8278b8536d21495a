"""What a model of records says, on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tightfit import FloatArray, Hparam, IntArray, SearchSpace
from tightfit.search.outlook import FEWEST, Outlook

SPACE = SearchSpace(tuple(Hparam(f"site{i}", (0, 1, 2, 3)) for i in range(8)))
NOISE = 0.05


def truth(batch: IntArray, rng: np.random.Generator | None = None) -> FloatArray:
    """Every choice has its own effect; readings scatter around the sum of them."""
    effects = np.random.default_rng(3).normal(size=(8, 4)) * 0.2
    exact: FloatArray = 1.0 + effects[np.arange(8), batch].sum(axis=1)
    return exact if rng is None else exact + NOISE * rng.standard_normal(len(batch))


def learned(records: int, seed: int = 0) -> Outlook:
    rng = np.random.default_rng(seed)
    batch = SPACE.random(records, rng)
    found = Outlook.of(SPACE, batch, truth(batch, rng))
    assert found is not None
    return found


def test_effects_that_add_up_are_learned_and_more_records_teach_more() -> None:
    unseen = SPACE.random(200, np.random.default_rng(9))
    errors = [np.abs(learned(n).mean(unseen) - truth(unseen)).mean() for n in (15, 40, 120)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < NOISE
    assert learned(120).noise == pytest.approx(NOISE, rel=0.5)


@pytest.mark.parametrize("records", [15, 40, 120])
def test_an_interval_of_nine_in_ten_holds_about_nine_in_ten(records: int) -> None:
    held = []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        unseen = SPACE.random(100, rng)
        outlook = learned(records, seed)
        reach = 1.645 * np.sqrt(outlook.variance(unseen) + outlook.noise**2)
        held.append(np.abs(truth(unseen, rng) - outlook.mean(unseen)) < reach)
    assert 0.8 < np.mean(held) < 0.97


def test_joint_draws_scatter_as_the_variance_says() -> None:
    outlook, batch = learned(30), SPACE.random(20, np.random.default_rng(1))
    drawn = outlook.draws(batch, 4000, np.random.default_rng(2))
    expected = np.sqrt(outlook.variance(batch) + outlook.noise**2)
    np.testing.assert_allclose(drawn.std(axis=0), expected, rtol=0.1)
    np.testing.assert_allclose(drawn.mean(axis=0), outlook.mean(batch), atol=0.03)
    np.testing.assert_allclose(np.diag(outlook.covariance(batch)), outlook.variance(batch))


def test_the_unit_of_a_metric_does_not_matter() -> None:
    rng, tiny = np.random.default_rng(0), 2.0**-32
    batch, unseen = SPACE.random(40, rng), SPACE.random(20, rng)
    values = truth(batch, rng)
    usual, scaled = (Outlook.of(SPACE, batch, scale * values) for scale in (1.0, tiny))
    assert usual is not None
    assert scaled is not None
    np.testing.assert_allclose(scaled.mean(unseen), tiny * usual.mean(unseen))
    np.testing.assert_allclose(scaled.variance(unseen), tiny**2 * usual.variance(unseen))


def test_too_few_records_give_no_model() -> None:
    batch = SPACE.random(FEWEST - 1, np.random.default_rng(0))
    assert Outlook.of(SPACE, batch, truth(batch)) is None


def test_readings_that_are_all_equal_are_expected_again_within_their_own_error() -> None:
    batch = SPACE.random(10, np.random.default_rng(0))
    outlook = Outlook.of(SPACE, batch, np.full(10, 0.9), scatter=0.02)
    assert outlook is not None
    assert outlook.mean(batch) == pytest.approx(0.9)
    assert outlook.noise == 0.02
