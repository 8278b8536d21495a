from __future__ import annotations

import pytest

from tightfit import Constraint, Interval, Kind, Metric, Reading, Sense, Stage
from tightfit.objectives.meter.taking import DISTURBED
from tightfit.objectives.task import classification
from tightfit.studies.claims import (
    LATENCY_RATIO,
    MEMORY,
    Kept,
    Rule,
    Value,
    Verdict,
    accuracy_rule,
    judged,
    judged_latency,
    kept,
    latency_rule,
    memory_rule,
    other_pictures,
    same_bytes,
)

ACCURACY = classification().metric


def value(middle: float, half: float = 0.0) -> Value:
    return Value(middle, Interval(middle - half, middle + half))


def verdict(metric: Metric, claimed: Value, found: Value, rule: Rule) -> Verdict:
    claim = judged("it", metric, kind=Kind.MEASURED, claimed=claimed, found=found, rule=rule)
    assert bool(claim.why) == (claim.verdict is Verdict.BROKEN)
    return claim.verdict


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (value(0.50, 0.01), Verdict.HOLDS),
        (value(0.40, 0.01), Verdict.HOLDS),
        (value(0.524, 0.001), Verdict.HOLDS),
        (value(0.56, 0.06), Verdict.HOLDS),
        (value(0.56, 0.01), Verdict.BROKEN),
    ],
)
def test_a_latency_may_be_longer_by_chance_or_by_a_twentieth(found: Value, wanted: Verdict) -> None:
    claimed = value(0.5, 0.01)
    rule = latency_rule(claimed, baseline_ms=10.0)
    assert verdict(LATENCY_RATIO, claimed, found, rule) is wanted


@pytest.mark.parametrize(
    ("ratio", "spread", "note", "wanted"),
    [
        (0.5, 0.01, DISTURBED, Verdict.HOLDS),
        (0.5, 0.1, DISTURBED, Verdict.UNCHECKED),
        (0.7, 0.1, DISTURBED, Verdict.UNCHECKED),
        (2.0, 0.1, DISTURBED, Verdict.BROKEN),
        (0.5, 0.1, "the time was up", Verdict.HOLDS),
    ],
)
def test_a_time_of_a_disturbed_machine_confirms_nothing(
    ratio: float, spread: float, note: str, wanted: Verdict
) -> None:
    report = {
        "metrics": {"latency_ms": value(5.0, 0.1).to_json()},
        "baseline": {"metrics": {"latency_ms": {"value": 10.0}}},
    }
    found = Reading(ratio, Kind.MEASURED, Stage.RUNTIME, stderr=spread, repeats=6, note=note)
    claim = judged_latency(report, found)
    assert claim.verdict is wanted
    assert claim.found == Value.of(found)
    assert bool(claim.why) == (wanted is not Verdict.HOLDS)


def test_a_clock_tells_no_microseconds_apart() -> None:
    claimed, found = value(0.5, 0.01), value(0.6, 0.01)
    tiny, large = (latency_rule(claimed, baseline_ms=ms) for ms in (0.03, 3.0))
    assert verdict(LATENCY_RATIO, claimed, found, tiny) is Verdict.HOLDS
    assert verdict(LATENCY_RATIO, claimed, found, large) is Verdict.BROKEN


@pytest.mark.parametrize(
    ("found", "wanted"),
    [(0.9, Verdict.HOLDS), (0.91, Verdict.HOLDS), (0.896, Verdict.HOLDS), (0.894, Verdict.BROKEN)],
)
def test_on_the_same_pictures_a_file_may_lose_half_a_percent(found: float, wanted: Verdict) -> None:
    rule = accuracy_rule(1500)
    assert verdict(ACCURACY, value(0.9, 0.015), value(found, 0.015), rule) is wanted


def test_on_few_pictures_one_answer_may_change() -> None:
    assert verdict(ACCURACY, value(1.0), value(89 / 90), accuracy_rule(90)) is Verdict.HOLDS
    assert verdict(ACCURACY, value(1.0), value(88 / 90), accuracy_rule(90)) is Verdict.BROKEN


def test_on_other_pictures_the_intervals_must_meet() -> None:
    claimed = value(0.9, 0.015)
    assert verdict(ACCURACY, claimed, value(0.87, 0.02), other_pictures()) is Verdict.HOLDS
    assert verdict(ACCURACY, claimed, value(0.86, 0.02), other_pictures()) is Verdict.BROKEN


def test_bytes_must_be_the_same_and_memory_may_vary_a_little() -> None:
    assert verdict(MEMORY, value(10_000.0), value(10_900.0), memory_rule(value(10_000.0))) is (
        Verdict.HOLDS
    )
    assert verdict(MEMORY, value(10_000.0), value(11_100.0), memory_rule(value(10_000.0))) is (
        Verdict.BROKEN
    )
    assert verdict(MEMORY, value(10.0), value(10.01), same_bytes()) is Verdict.BROKEN


def test_a_limit_is_kept_surely_within_noise_or_surely_broken() -> None:
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.88)
    assert kept(floor, value(0.92, 0.02)) is Kept.KEPT
    assert kept(floor, value(0.89, 0.02)) is Kept.NOISE
    assert kept(floor, value(0.87, 0.02)) is Kept.NOISE
    assert kept(floor, value(0.84, 0.02)) is Kept.BROKEN
