"""What a little more of a limit gives, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tightfit import Constraint, Direction, FloatArray, Hparam, IntArray, SearchSpace, Sense
from tightfit.search.binding import Gain, gains
from tightfit.search.outlook import Outlook

SPACE = SearchSpace(tuple(Hparam(f"layer{i}.width", tuple(range(12))) for i in range(4)))
SIZE = Constraint("size", Sense.AT_MOST, 20.0)
TIME = Constraint("time", Sense.AT_MOST, 1000.0)
PER_UNIT = 0.01


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Each step of a width adds one to the size; time is no obstacle."""
    size = batch.sum(axis=1).astype(np.float64)
    return {"size": size, "time": 10 * size}


def found(sign: float = 1.0, noise: float = 0.001) -> tuple[Gain, ...]:
    """Quality grows by ``PER_UNIT`` with each unit of the size."""
    rng = np.random.default_rng(0)
    known, batch = SPACE.random(60, rng), SPACE.random(4000, rng)
    readings = sign * PER_UNIT * costs(known)["size"] + noise * rng.standard_normal(60)
    outlook = Outlook.of(SPACE, known, readings)
    assert outlook is not None
    direction = Direction.MAXIMIZE if sign > 0 else Direction.MINIMIZE
    held = {SIZE: costs(batch)["size"], TIME: costs(batch)["time"]}
    return gains(batch, held, outlook=outlook, direction=direction)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_limit_that_binds_gives_what_it_is_worth_and_the_other_nothing(sign: float) -> None:
    size, time = found(sign)
    # One per cent of the bound is a fifth of a unit.
    assert size.value == pytest.approx(0.2 * PER_UNIT, rel=0.2)
    assert size.low < size.value < size.high
    assert size.measurable
    assert time.value == pytest.approx(0.0, abs=1e-9)
    assert not time.measurable


def test_where_readings_scatter_more_than_the_gain_nothing_can_be_told() -> None:
    size, _ = found(noise=2.0)
    assert not size.measurable
    assert size.low <= 0 <= size.high


def test_a_limit_within_which_nothing_is_left_is_passed_over() -> None:
    rng = np.random.default_rng(0)
    known = SPACE.random(20, rng)
    outlook = Outlook.of(SPACE, known, costs(known)["size"])
    assert outlook is not None
    none = Constraint("size", Sense.AT_MOST, 0.5)
    batch = known[costs(known)["size"] > 2]
    held = {none: costs(batch)["size"]}
    assert gains(batch, held, outlook=outlook, direction=Direction.MAXIMIZE) == ()
