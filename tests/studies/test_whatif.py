"""Records of a run under other limits than it was made under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from tests.studies.conftest import ACCURACY, LATENCY, SIZE
from tightfit import Constraint, Outcome, Record, Sense, SpecError
from tightfit.objectives.metrics import load_ms
from tightfit.search import pareto_front
from tightfit.studies.promising import TOO_FEW
from tightfit.studies.results import Results
from tightfit.studies.whatif import (
    NO_LONGER,
    UNREAD,
    WhatIf,
    judged_anew,
    new_limits,
    results_under,
)


def under(results: Results, *texts: str) -> Results:
    return results_under(results, new_limits(results, texts))


def under_all(results: Results, limits: Sequence[Constraint]) -> list[Record]:
    """Return the records that have a latency as they stand under limits."""
    judged = results_under(results, limits).records
    return [each for each in judged if "latency_ms" in each.measurement]


def test_the_same_limits_change_nothing(results: Results) -> None:
    same = results_under(results, results.constraints)
    assert pareto_front(same.records, same.objectives) == pareto_front(
        results.records, results.objectives
    )


def test_a_limit_replaces_the_run_s_own_on_that_side_of_that_metric(results: Results) -> None:
    limits = new_limits(results, ["latency_ms <= 0.2", "size_kb >= 10"])
    assert LATENCY not in limits
    assert {SIZE, ACCURACY} < set(limits)
    assert Constraint("latency_ms", Sense.AT_MOST, 0.2) in limits
    assert Constraint("size_kb", Sense.AT_LEAST, 10.0) in limits


def test_a_tighter_limit_leaves_the_trials_that_keep_it(results: Results) -> None:
    before = pareto_front(results.records, results.objectives).members
    sizes = sorted(record.measurement.value("size_kb") for record in before)
    bound = sizes[len(sizes) // 2]
    after = pareto_front(under(results, f"size_kb <= {bound}").records, results.objectives).members
    assert 0 < len(after) < len(before)
    assert {record.candidate for record in after} == {
        record.candidate for record in before if record.measurement.value("size_kb") <= bound
    }


def test_what_only_the_run_s_limit_stopped_is_not_known_under_a_looser_one(
    results: Results,
) -> None:
    looser = under(results, "size_kb <= 1e9", "latency_ms <= 1e9")
    stopped = [record for record in results.records if record.outcome is Outcome.SCREENED]
    again = [record for record in looser.records if record.reason == NO_LONGER]
    assert stopped
    assert {record.candidate for record in again} == {record.candidate for record in stopped}
    assert not any(record.feasible or record.violations for record in again)


def test_an_evaluated_record_without_a_reading_is_not_called_feasible(results: Results) -> None:
    record = next(each for each in results.records if each.outcome is Outcome.EVALUATED)
    judged = judged_anew(record, [Constraint("latency_ms.pi4", Sense.AT_MOST, 1e9)])
    assert not judged.feasible
    assert judged.reason == UNREAD


def test_a_limit_on_a_metric_that_the_run_did_not_read_is_refused_with_what_to_do(
    results: Results,
) -> None:
    known = replace(results, metrics={**results.metrics, "load_ms": load_ms.METRIC})
    for text in ("load_ms <= 3", "load_ms <= 0.5 * baseline"):
        with pytest.raises(SpecError, match="'load_ms' was not read in this run: name it in a lim"):
            new_limits(known, [text])
    with pytest.raises(SpecError, match=r"'agreement' was not read .* or 'quality.metrics' of the"):
        new_limits(results, ["agreement >= 0.9"])


def test_other_limits_of_a_run_that_must_be_sure_are_kept_by_the_whole_interval(
    results: Results,
) -> None:
    (limit,) = new_limits(replace(results, constraints=()), ["latency_ms <= 0.3"], confident=True)
    assert limit.confident
    sure = replace(results, constraints=tuple(replace(c, confident=True) for c in (SIZE, LATENCY)))
    reading = next(each for each in results.records if each.feasible).measurement["latency_ms"]
    between = (reading.value + reading.interval.high) / 2
    limits = new_limits(sure, [f"latency_ms <= {between}"])
    assert all(each.confident for each in limits)
    judged = {each.measurement["latency_ms"]: each for each in under_all(results, limits)}
    assert not judged[reading].feasible


@pytest.mark.parametrize("why", ["", "the greatest 'ram_kb' is no linear program"])
def test_what_is_not_settled_is_not_called_possible_and_a_bound_is_exact(
    results: Results, why: str
) -> None:
    (limit,) = new_limits(replace(results, constraints=()), ["size_kb <= 1.2345678"])
    found = WhatIf(results_under(results, [limit]), 0, None, None, 0, TOO_FEW, why)
    told = found.to_json()
    assert told["impossible"] is (None if why else False)
    assert told["unproven"] == (why or None)
    assert told["predicted"] is None
    assert told["unpredicted"] == TOO_FEW
    assert [each["bound"] for each in told["bounds"]] == [1.2345678]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(found.view())
    assert (f"not settled by a proof: {why}." in capture.get()) == bool(why)


def test_what_a_record_keeps_is_possible_whatever_was_proven(results: Results) -> None:
    found = WhatIf(results, 0, None, None, unproven="the time was up")
    assert found.met
    told = found.to_json()
    assert told["impossible"] is False
    assert told["unproven"] is None


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "--limits is missing"),
        (["latency <= 2"], "did you mean 'latency_ms'"),
        (["size_kb >= 1e6"], "contradict each other"),
    ],
)
def test_limits_that_cannot_be_are_refused(
    results: Results, texts: list[str], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        new_limits(replace(results), texts)
