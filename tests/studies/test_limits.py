from __future__ import annotations

import pytest

from tightfit import Constraint, Sense, SpecError
from tightfit.studies.limits import check_contradictions, parse_limit

METRICS = ("accuracy", "latency_ms", "size_kb")


def bound(text: str, baseline: float = 200.0) -> Constraint:
    return parse_limit(text, METRICS).resolve(lambda _metric: baseline)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size_kb <= 200", 200.0),
        ("size_kb<=0.02*baseline", 4.0),
        ("size_kb <= (baseline - 100) / 2 + 1e1", 60.0),
        ("latency_ms <= baseline", 200.0),
    ],
)
def test_a_bound_is_a_number_or_arithmetic_in_the_baseline(text: str, expected: float) -> None:
    assert bound(text).bound == pytest.approx(expected)


def test_an_accuracy_floor_may_stand_relative_to_the_baseline() -> None:
    constraint = bound("accuracy >= baseline - 0.05", baseline=0.93)
    assert (constraint.metric, constraint.sense) == ("accuracy", Sense.AT_LEAST)
    assert constraint.bound == pytest.approx(0.88)


def test_the_baseline_is_only_asked_for_when_a_bound_needs_it() -> None:
    limit = parse_limit("size_kb <= 200", METRICS)
    assert not limit.relative
    assert limit.resolve(lambda _metric: pytest.fail("asked")).bound == 200


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size_kb", "must read METRIC <= BOUND"),
        ("size_kb < 3", "uses '<'; write '<=' or '>='"),
        ("size_kb == 3", "uses '=='; write '<=' or '>='"),
        ("sise_kb <= 3", "unknown metric 'sise_kb'; did you mean 'size_kb'"),
        ("xyz <= 3", "unknown metric 'xyz'; known are accuracy, latency_ms, size_kb"),
        ("size_kb <= nan", "must be finite, got nan"),
        ("size_kb <= inf", "must be finite, got inf"),
        ("size_kb <= 1e999", "must be finite, got inf"),
        ("size_kb <= 1 / 0", "divides by zero"),
        ("size_kb <= -5", "comes to -5, which nothing can keep"),
        ("size_kb <= 0", "comes to 0, which nothing can keep"),
        ("accuracy >= 93", "comes to 93; an accuracy is a share in 0..1"),
        ("accuracy >= 0", "comes to 0; an accuracy is a share in 0..1"),
        ("size_kb <= 3 +", "must be a number or arithmetic"),
        ("size_kb <= len('abc')", "may hold numbers, 'baseline' and"),
        ("size_kb <= base", "may hold numbers, 'baseline' and"),
        ("size_kb <= True", "may hold numbers, 'baseline' and"),
        ("size_kb <= 80%", "must be a number or arithmetic"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_before_anything_runs(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_limit(text, METRICS)


def test_a_score_of_a_user_s_own_may_be_negative() -> None:
    limit = parse_limit("nll <= baseline - 0.5", (*METRICS, "nll"))
    assert limit.resolve(lambda _metric: -1.0).bound == -1.5
    assert parse_limit("nll <= -1", ("nll",)).bound == "-1"
    with pytest.raises(SpecError, match="must be finite and not 0, got 0"):
        parse_limit("nll <= 0", ("nll",))


def test_a_relative_bound_that_comes_to_nothing_is_refused_when_resolved() -> None:
    limit = parse_limit("size_kb <= baseline - 500", METRICS)
    with pytest.raises(SpecError, match="comes to -300, which nothing can keep"):
        limit.resolve(lambda _metric: 200.0)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SpecError, match=r"'size_kb >= 9' and 'size_kb <= 3' contradict"):
        check_contradictions([bound("size_kb <= 3"), bound("size_kb >= 9")])


def test_two_limits_on_one_side_are_refused() -> None:
    with pytest.raises(SpecError, match="'size_kb' has two limits on the same side"):
        check_contradictions([bound("size_kb <= 3"), bound("size_kb <= 9")])


def test_a_range_is_no_contradiction() -> None:
    check_contradictions([bound("size_kb <= 9"), bound("size_kb >= 3"), bound("latency_ms <= 2")])
