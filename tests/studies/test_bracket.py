"""A bracket as people read it, and what it took to meet limits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tests.studies.conftest import METRICS, SPACE
from tightfit import Sense
from tightfit.studies.bracket import Bracket, Step, next_bound, still_tried
from tightfit.studies.first_met import first_met
from tightfit.studies.results import Results
from tightfit.studies.standing import TIGHTENED

BRACKET = Bracket(
    metric="size_kb",
    sense=Sense.AT_MOST,
    others=("accuracy >= 0.88",),
    proven=56.7,
    under=(),
    conflict=False,
    why="",
    reached=203.4567,
    witness=SPACE.baseline(),
    trial=12,
    known=410.0,
    steps=(Step(152.5, False, 4, 152.5, 410.0), Step(250.0, True, 1, 152.5, 203.4567)),
    message="the budget is spent",
    seconds=61.0,
)


def shown(bracket: Bracket) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(bracket.view({metric.name: metric for metric in METRICS}))
    return capture.get()


def test_every_step_is_shown_and_what_is_kept_is_not_rounded_away() -> None:
    text = shown(BRACKET)
    assert "records" in text
    assert "not found" in text
    assert "size_kb <= 203.4567 is kept by trial 12." in text
    assert "152 kB was not reached within its trainings, which is no proof." in text
    assert "Proven: no candidate of the space passes 56.7 kB." in text
    under = replace(BRACKET, others=("macs <= 5e+06", *BRACKET.others), under=("macs <= 5e+06",))
    assert "Proven: no candidate that keeps the other static limits passes 56.7 kB." in shown(under)
    assert under.to_json(SPACE)["proven_under"] == ["macs <= 5e+06"]
    assert BRACKET.trained == 5
    assert BRACKET.to_json(SPACE)["not_found_within_its_trainings"] == 152.5


def test_a_witness_that_keeps_another_limit_within_noise_is_marked() -> None:
    assert "≈" not in shown(BRACKET)
    noisy = replace(BRACKET, noisy=("accuracy >= 0.88",))
    assert "≈ accuracy >= 0.88 within noise: kept by its value, but" in shown(noisy)
    assert noisy.to_json(SPACE)["kept_within_noise"] == ["accuracy >= 0.88"]


def test_a_bound_that_was_not_found_says_nothing_once_a_witness_keeps_it() -> None:
    assert still_tried([100.0, 120.0], 150.0, Sense.AT_MOST) == 120.0
    assert still_tried([80.0, 120.0], 95.0, Sense.AT_MOST) == 80.0
    assert still_tried([100.0], 95.0, Sense.AT_MOST) is None
    assert still_tried([0.9, 0.8], 0.7, Sense.AT_LEAST) == 0.8
    assert still_tried([0.9, 0.8], 0.85, Sense.AT_LEAST) == 0.9
    assert still_tried([100.0], None, Sense.AT_MOST) == 100.0
    assert still_tried([], 95.0, Sense.AT_MOST) is None


def test_without_a_witness_or_a_proof_it_says_so() -> None:
    text = shown(
        replace(
            BRACKET,
            reached=None,
            witness=None,
            trial=None,
            proven=None,
            why="latency_ms is not known before a candidate is built",
            steps=(),
        )
    )
    assert "No candidate that keeps the other limits was found" in text
    assert "Nothing is proven: latency_ms is not known before a candidate is built." in text


def test_a_conflict_of_the_other_limits_is_said_to_be_proven() -> None:
    conflict = replace(
        BRACKET,
        under=("macs <= 3", "params >= 9"),
        proven=None,
        conflict=True,
        reached=None,
        witness=None,
        trial=None,
        steps=(),
        message="the other limits conflict",
    )
    text = shown(conflict)
    assert "Proven: the other limits conflict; run 'tightfit decide' for the proof." in text
    assert "Nothing is proven" not in text
    found = conflict.to_json(SPACE)
    assert found["other_limits_conflict"]
    assert found["unproven"] is None


@pytest.mark.parametrize(
    ("metric", "sense", "reached", "ends", "expected"),
    [
        ("size_kb", Sense.AT_MOST, 400.0, [100.0], 200.0),
        ("size_kb", Sense.AT_MOST, 400.0, [], 200.0),
        ("negative_flips", Sense.AT_MOST, 0.0, [], None),
        ("accuracy", Sense.AT_LEAST, 0.8, [1.0, 0.9], 0.85),
        ("accuracy", Sense.AT_LEAST, 0.9, [0.9], None),
        ("macs", Sense.AT_LEAST, 100.0, [], 150.0),
    ],
)
def test_the_next_bound_halves_what_is_between_what_is_reached_and_the_nearest_end(
    metric: str, sense: Sense, reached: float, ends: list[float], expected: float | None
) -> None:
    assert next_bound(metric, sense, reached, ends) == expected


@pytest.mark.parametrize(
    ("sense", "reached", "ends", "expected"),
    [
        (Sense.AT_MOST, -2.0, [], -3.0),
        (Sense.AT_MOST, 0.0, [], -0.5),
        (Sense.AT_MOST, 2.0, [-2.0], 1.0),
        (Sense.AT_MOST, -2.0, [-3.0], -2.5),
        (Sense.AT_LEAST, -2.0, [], -1.0),
        (Sense.AT_LEAST, 0.0, [], 0.5),
    ],
)
def test_a_score_of_a_user_s_own_has_no_floor_at_0_and_no_bound_of_0(
    sense: Sense, reached: float, ends: list[float], expected: float
) -> None:
    assert next_bound("nll", sense, reached, ends) == expected


def test_what_it_took_to_meet_the_limits_is_counted_to_the_first_that_does(
    results: Results, empty_front: Results
) -> None:
    found = first_met(results)
    assert found.trial is not None
    until = results.records[: found.trial + 1]
    assert [record.feasible for record in until] == [False] * found.trial + [True]
    assert found.trials == sum(record.trained for record in until)
    seconds = sum(sum(record.seconds.values()) for record in until)
    assert f"after {seconds:.3g} seconds of its run" in found.text("hours")
    assert "after 2.5 hours of its run" in replace(found, hours=2.5).text("hours")
    assert "after 1 training of its run" in replace(found, trials=1).text("trials")
    assert found.hours == sum(sum(record.seconds.values()) for record in until) / 3600
    assert f"met by trial {found.trial}" in found.text("trials")
    tightened = [replace(each, origin=TIGHTENED, trained=False) for each in until if each.trained]
    only = first_met(replace(results, records=tuple(tightened)))
    assert (only.trials, only.trained) == (found.trials, found.trials)
    never = first_met(empty_front)
    assert never.trials is None
    assert never.text("hours").startswith("The limits were not met in")
