"""What a model promises of limits, on the synthetic compression problem."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    SPACE,
    SyntheticEvaluator,
    costs,
    errors,
)
from tightfit import Constraint, Direction, Kind, Measurement, Metric, Reading, Record, Sense, Stage
from tightfit.search.forecast import Forecast, candidates_to_try, promise
from tightfit.search.region import Region
from tightfit.search.screening import Screen

ERROR = Metric("error", "", Direction.MINIMIZE, Stage.LEARNED, Kind.MEASURED, "of the problem")
REGION = Region.survey(SPACE, Screen(SPACE, costs, CONSTRAINTS, errors={}))


def records(n: int) -> list[Record]:
    """Evaluate random candidates within the limits; their error is read at the last stage."""
    evaluator, found = SyntheticEvaluator(), []
    for number, row in enumerate(REGION.draws(n, np.random.default_rng(5))):
        record = evaluator.evaluate(SPACE.candidate(row), "random", number)
        error = Reading(record.measurement.value("error"), Kind.MEASURED, Stage.LEARNED)
        found.append(replace(record, measurement=Measurement({"error": error})))
    return found


@pytest.fixture(scope="module")
def forecast() -> Forecast:
    return Forecast.of(SPACE, records(40), [ERROR])


def floor(bound: float) -> Constraint:
    return Constraint("error", Sense.AT_MOST, bound)


def test_a_limit_that_most_keep_is_promised_and_one_that_none_keeps_is_not(
    forecast: Forecast,
) -> None:
    batch = candidates_to_try(REGION, records(40))
    easy, hard = (promise(forecast, batch, [floor(b)], trials=20) for b in (0.9, 0.01))
    assert easy is not None
    assert hard is not None
    assert easy.chance > 0.9
    assert easy.trainings == 1
    assert hard.within < 0.2
    assert hard.chance < easy.chance
    assert hard.trainings_high is None


def test_a_limit_that_none_of_those_looked_at_keeps_is_not_promised_however_many_are_tried(
    forecast: Forecast,
) -> None:
    batch = candidates_to_try(REGION, records(40))
    few, many = (promise(forecast, batch, [floor(0.01)], trials=n) for n in (64, 1_000))
    assert few is not None
    assert many is not None
    assert many.within == few.within < 0.2
    assert many.looked_at == 64


def test_the_most_promising_candidates_are_better_than_others(forecast: Forecast) -> None:
    batch = candidates_to_try(REGION, records(40))
    chances = forecast.chances(batch, [floor(0.45)])
    order = np.argsort(-chances)
    actual = errors(batch)
    assert actual[order[:20]].mean() < actual[order[-200:]].mean()


def test_a_limit_on_the_whole_interval_is_promised_less() -> None:
    known = [
        replace(
            record,
            measurement=Measurement(
                {"error": replace(record.measurement["error"], stderr=0.02, repeats=1)}
            ),
        )
        for record in records(40)
    ]
    forecast = Forecast.of(SPACE, known, [ERROR])
    batch = candidates_to_try(REGION, known)
    whole = replace(floor(0.5), confident=True)
    chances, lower = (forecast.chances(batch, [floor(b)]) for b in (0.5, 0.5 - 1.959964 * 0.02))
    assert forecast.chances(batch, [whole]) == pytest.approx(lower)
    assert chances.mean() > lower.mean()
    worse = forecast.held(whole, batch) - forecast.held(floor(0.5), batch)
    assert worse == pytest.approx(np.full(len(batch), 1.959964 * 0.02))
    drawn, all_drawn = (
        forecast.draws(batch[:64], [limit], np.random.default_rng(0))
        for limit in (whole, floor(0.5))
    )
    assert drawn.mean() < all_drawn.mean()


def test_what_is_promised_has_no_record_and_keeps_the_static_limits(forecast: Forecast) -> None:
    known = records(40)
    batch = candidates_to_try(REGION, known)
    assert REGION.screen.keeps(batch).all()
    assert not {record.candidate.indices for record in known} & set(map(tuple, batch.tolist()))
    found = promise(forecast, batch, [floor(0.5)], trials=5)
    assert found is not None
    expected = found.expected["error"]
    assert expected.low < expected.value < expected.high


def test_nothing_is_promised_from_too_few_records() -> None:
    few = Forecast.of(SPACE, records(3), [ERROR])
    assert promise(few, SPACE.random(5, np.random.default_rng(0)), [floor(0.5)], trials=5) is None


def test_an_earlier_stage_s_reading_teaches_nothing_about_a_later_one() -> None:
    early = [
        replace(
            record,
            measurement=Measurement({"error": Reading(0.5, Kind.ESTIMATED, Stage.STATIC)}),
        )
        for record in records(10)
    ]
    assert Forecast.of(SPACE, early, [ERROR]).models == {}
