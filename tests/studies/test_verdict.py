from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tightfit import Constraint, Measurement, Outcome, Record, Sense
from tightfit.studies.results import Results
from tightfit.studies.standing import chosen, misses, standings
from tightfit.studies.verdict import (
    advice,
    comparisons,
    headline,
    relaxations,
    stopped_by,
    worth,
)


def reached(record: Record, **values: float) -> Record:
    """Return the record with other values, errors as they were."""
    readings = dict(record.measurement.readings)
    for name, value in values.items():
        readings[name] = replace(readings[name], value=value)
    return replace(record, measurement=Measurement(readings))


def rivalled(results: Results, *, accuracy: float, size_kb: float) -> Results:
    """Return the run with one rival outside the space."""
    rival = reached(results.references[0], accuracy=accuracy, size_kb=size_kb)
    return replace(results, references=(rival,))


def said(results: Results) -> tuple[str, ...]:
    return worth(results, comparisons(results, standings(results)))


def test_the_headline_says_what_the_pick_reached_against_each_limit(results: Results) -> None:
    sentence = headline(results, chosen(standings(results)))

    assert sentence == (
        "Trial 24 keeps all limits: accuracy 89.6 % (−3.9 points), "
        "0.57 % of the baseline's size and 5.7 % of its latency."
    )


def test_a_run_without_limits_does_not_speak_of_keeping_them(results: Results) -> None:
    free = replace(results, constraints=())

    assert "is on the front" in headline(free, chosen(standings(free)))


def test_a_metric_that_the_baseline_lacks_stands_alone(results: Results) -> None:
    readings = {n: r for n, r in results.baseline.readings.items() if n != "size_kb"}
    unread = replace(results, baseline=Measurement(readings))

    assert "size 256 kB" in headline(unread, chosen(standings(unread)))


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        (0, "No trial is finished yet."),
        (1, "The trial breaks a limit."),
        (40, "None of 40 trials keeps all limits."),
    ],
)
def test_nothing_feasible_is_said_plainly(empty_front: Results, trials: int, sentence: str) -> None:
    assert headline(replace(empty_front, records=empty_front.records[:trials]), None) == sentence


def test_a_relaxed_limit_is_one_that_the_miss_keeps(empty_front: Results) -> None:
    for miss in misses(standings(empty_front), 10):
        needed = relaxations(empty_front, miss)
        assert needed
        for each in needed:
            value = miss.record.measurement.value(each.constraint.metric)
            assert replace(each.constraint, bound=each.needed).excess(value) <= 0


def test_advice_for_a_candidate_that_was_not_trained_promises_nothing(
    empty_front: Results,
) -> None:
    everyone = standings(empty_front)
    near = misses(everyone, len(everyone))
    screened = next(each for each in near if each.record.outcome is Outcome.SCREENED)
    evaluated = next(each for each in near if each.record.outcome is Outcome.EVALUATED)

    assert "was not trained" in advice(empty_front, screened)
    assert advice(empty_front, evaluated) == (
        "Trial 0 needs accuracy ≥ 94.5 % relaxed to 90.9 % (3.7 % over), and is feasible then."
    )


@pytest.mark.parametrize(
    ("excess", "words"), [(2.134, "213 % over"), (0.128, "13 % over"), (0.0037, "0.37 % over")]
)
def test_how_far_a_bound_is_broken_is_written_without_powers_of_ten(
    results: Results, excess: float, words: str
) -> None:
    size = results.baseline.value("size_kb")
    limit = Constraint("size_kb", Sense.AT_MOST, size / (1 + excess))
    tight = replace(results, constraints=(limit,))
    record = replace(results.records[0], measurement=results.baseline, outcome=Outcome.EVALUATED)
    (standing,) = (each for each in standings(tight) if each.trial == 0)
    assert words in advice(tight, replace(standing, record=record))


def test_what_stopped_a_trial_is_said_as_people_say_it(results: Results) -> None:
    screened = next(r for r in results.records if r.outcome is Outcome.SCREENED)

    assert stopped_by(results, screened) == "screened out by size ≤ 894 kB"
    assert stopped_by(results, results.records[20]) == "failed: the loss was not finite at step 12"


def test_compressing_was_worth_it_where_a_member_beats_the_rival_at_no_more_cost(
    results: Results,
) -> None:
    verdict, sentence = said(rivalled(results, accuracy=0.85, size_kb=300.0))

    assert verdict == "Compressing was worth it against small net squeezenet1_1."
    assert "trial 24, at no more cost, is 4.6 ±" in sentence
    assert "points better." in sentence


def test_compressing_was_not_worth_it_where_the_rival_is_better(results: Results) -> None:
    verdict, sentence = said(rivalled(results, accuracy=0.93, size_kb=300.0))

    assert verdict == "Small net squeezenet1_1 did better at the same cost."
    assert "points worse." in sentence


def test_a_difference_within_its_error_is_called_chance(results: Results) -> None:
    verdict, sentence = said(rivalled(results, accuracy=0.893, size_kb=300.0))

    assert verdict == "Against small net squeezenet1_1 the difference may be chance."
    assert "which may be chance" in sentence


def test_a_rival_smaller_than_every_member_leaves_the_question_open(results: Results) -> None:
    verdict, sentence = said(rivalled(results, accuracy=0.80, size_kb=10.0))

    assert verdict.startswith("Whether compressing was worth it is open")
    assert "breaks latency ≤ 0.421 ms and accuracy ≥ 88.5 %" not in verdict
    assert "no member of the front costs as little" in sentence


def test_equal_quality_is_called_equal(results: Results) -> None:
    best = chosen(standings(results))
    assert best is not None
    accuracy = best.record.measurement.value("accuracy")

    _, sentence = said(rivalled(results, accuracy=accuracy, size_kb=256.1))

    assert "is equal." in sentence


def test_a_score_of_the_users_own_is_compared_in_its_own_unit(results: Results) -> None:
    renamed = {**results.metrics}
    renamed["accuracy"] = replace(renamed["accuracy"], name="psnr_db", unit="dB")
    rival = rivalled(replace(results, metrics=renamed), accuracy=0.85, size_kb=300.0)

    _, sentence = said(rival)

    assert "is 0.046 ±" in sentence
    assert "dB better." in sentence


def test_without_rivals_nothing_is_said(results: Results) -> None:
    assert said(replace(results, references=())) == ()


def test_a_single_objective_is_compared_without_costs(results: Results) -> None:
    alone = replace(results, objectives=results.objectives[:1], reference_point=(0.88,))

    verdict, *_ = said(rivalled(alone, accuracy=0.85, size_kb=1.0))

    assert verdict == "Compressing was worth it against small net squeezenet1_1."


@pytest.mark.parametrize("floor", [0.9, 0.057, 0.05667])
def test_a_relaxed_floor_is_one_that_the_miss_keeps_as_printed(
    results: Results, floor: float
) -> None:
    limit = Constraint("accuracy", Sense.AT_LEAST, floor)
    miss = reached(results.references[0], accuracy=0.05666)
    run = replace(results, references=(miss,), constraints=(limit,))
    (standing,) = [each for each in standings(run) if each.trial is None]

    told = re.search(r"≥ (\S+) % relaxed to (\S+) %", advice(run, standing))

    assert told is not None
    said_floor, relaxed = map(float, told.groups())
    assert relaxed <= 5.666 < said_floor


def test_a_relaxed_limit_is_not_printed_as_the_limit(results: Results) -> None:
    limit = Constraint("size_kb", Sense.AT_MOST, 2.3555)
    miss = reached(results.references[0], size_kb=2.356)
    run = replace(results, references=(miss,), constraints=(limit,))
    (standing,) = [each for each in standings(run) if each.trial is None]

    assert "size ≤ 2.3555 kB relaxed to 2.3560 kB" in advice(run, standing)


def test_a_rival_that_breaks_a_limit_by_little_is_told_from_it(results: Results) -> None:
    sentence = said(rivalled(results, accuracy=0.85, size_kb=894.3))[1]

    assert "at 894.3 kB and breaks" in sentence
    assert "size ≤ 894.2 kB" in sentence
