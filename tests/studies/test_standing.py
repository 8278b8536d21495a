from __future__ import annotations

from dataclasses import replace

import pytest

from tightfit import Outcome, Rung, SpecError
from tightfit.studies.results import Results
from tightfit.studies.standing import TIGHTENED, Place, chosen, members, misses, standings


def test_members_are_feasible_and_best_first(results: Results) -> None:
    front = members(standings(results))

    accuracies = [each.record.measurement.value("accuracy") for each in front]
    assert all(each.record.feasible for each in front)
    assert accuracies == sorted(accuracies, reverse=True)
    assert front[0].picks == ("accuracy",)
    assert front[-1].picks == ("size_kb",)


def test_every_record_has_a_place(results: Results) -> None:
    everyone = standings(results)

    places = {each.place for each in everyone}
    assert places == set(Place) - {Place.STOPPED}
    assert [each.key for each in everyone[-2:]] == ["n0", "n1"]
    assert [each.name for each in everyone[-2:]] == ["small net squeezenet1_1", "from scratch"]
    assert [each.record.origin for each in everyone if each.reference][:2] == [
        "uniform: pruning 0.75, quantization 8",
        "uniform: pruning 0.875, quantization 4",
    ]


def test_a_training_that_was_ended_early_is_neither_a_member_nor_a_miss(results: Results) -> None:
    best = next(each for each in results.records if each.feasible)
    rung = Rung(0.25, best.measurement)
    stopped = replace(best, outcome=Outcome.STOPPED, rungs=(rung,), reason="stopped after 25%")

    everyone = standings(replace(results, records=(stopped,)))

    assert everyone[0].place is Place.STOPPED
    assert members(everyone) == ()
    assert misses(everyone) == ()


def test_what_was_trained_for_a_tighter_limit_is_found_by_a_search(results: Results) -> None:
    best = next(each for each in results.records if each.feasible)
    rung = Rung(0.25, best.measurement)
    stopped = replace(best, origin="gp", outcome=Outcome.STOPPED, rungs=(rung,), reason="at 25%")
    tightened = replace(best, origin=TIGHTENED, trained=False)

    everyone = standings(replace(results, records=(stopped, tightened), references=()))

    assert [each.reference for each in everyone] == [False, False]
    assert [each.trial for each in members(everyone)] == [1]


def test_a_candidate_that_was_proposed_again_is_shown_once(results: Results) -> None:
    again = replace(results.records[30], origin="gp", trained=False)

    everyone = standings(replace(results, records=(*results.records, again)))

    assert "40" not in {each.key for each in everyone}


@pytest.mark.parametrize("pick", ["knee", "accuracy", "size_kb", "26"])
def test_a_member_is_picked_by_name_metric_or_trial(results: Results, pick: str) -> None:
    found = chosen(standings(results), pick)

    assert found is not None
    assert pick in found.picks or pick == found.key


def test_a_pick_that_no_member_has_is_refused_with_those_there_are(results: Results) -> None:
    with pytest.raises(SpecError, match=r"no member 'latency_ms'; pick one of accuracy.*or a tri"):
        chosen(standings(results), "latency_ms")


def test_an_empty_front_has_no_pick_and_the_nearest_miss_is_the_least_broken(
    empty_front: Results,
) -> None:
    everyone = standings(empty_front)

    assert chosen(everyone) is None
    near = misses(everyone, 3)
    totals = [sum(max(0.0, v) for v in each.record.violations.values()) for each in near]
    assert len(near) == 3
    assert totals == sorted(totals)


def test_what_was_trained_stands_before_what_a_limit_stopped_by_less(empty_front: Results) -> None:
    stopped = next(each for each in empty_front.records if each.outcome is Outcome.SCREENED)
    trained = next(each for each in empty_front.records if each.outcome is Outcome.EVALUATED)
    records = (
        replace(stopped, violations={"size_kb <= 894.24": 0.02}),
        replace(trained, violations={"accuracy >= 0.9447": 0.4}),
    )

    everyone = standings(replace(empty_front, records=records))

    assert [each.trial for each in misses(everyone)] == [1, 0]
    assert [each.trial for each in misses(everyone, 1)] == [1]
