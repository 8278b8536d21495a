"""What a verification tells of the machine that it was made on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tightfit import (
    Conditions,
    Constraint,
    Direction,
    Interval,
    Kind,
    Metric,
    Sense,
    Stage,
)
from tightfit.studies.claims import LATENCY, LATENCY_RATIO, Claim, Kept, Value, Verdict
from tightfit.studies.verification import LimitFound, Verification, value_text

FOUND = Verification(
    title="quickstart, trial 3",
    claims=(),
    limits=(),
    runtime="onnxruntime 1.32.0, 1 thread",
    machine={"processor": "a fast one"},
    modules=("numpy", "onnxruntime"),
    notes=(),
)


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        (Conditions(), "onnxruntime 1.32.0, 1 thread, a fast one"),
        (Conditions(2100.4), "onnxruntime 1.32.0, 1 thread, a fast one at 2,100 MHz"),
        (Conditions(2100.4, 61.2), "onnxruntime 1.32.0, 1 thread, a fast one at 2,100 MHz, 61 °C"),
    ],
)
def test_clock_and_temperature_stand_beside_the_processor(
    conditions: Conditions, place: str
) -> None:
    found = replace(FOUND, conditions=conditions)
    assert found.place == place
    assert found.to_json()["conditions"] == conditions.to_json()
    console = Console(width=200)
    with console.capture() as capture:
        console.print(found.view())
    assert f"with numpy, onnxruntime alone: {place}." in capture.get()


def test_a_ratio_and_its_interval_have_the_same_decimals() -> None:
    value = Value(1.02, Interval(1.0, 1.034))
    claim = Claim(LATENCY, LATENCY_RATIO, Kind.MEASURED, value, value, Verdict.HOLDS, "")

    assert value_text(claim, value) == "1.02 (1.00 to 1.03)"


def test_what_breaks_a_limit_is_told_from_its_bound() -> None:
    size = Metric("size_kb", "kB", Direction.MINIMIZE, Stage.RUNTIME, Kind.COUNTED, "")
    limit = Constraint("size_kb", Sense.AT_MOST, 2.3612)
    found = LimitFound(limit, size, Value(2.3644, Interval(2.3644, 2.3644)), Kept.BROKEN)
    unread = LimitFound(limit, size, None, None)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(replace(FOUND, limits=(found, unread)).view())

    assert "size ≤ 2.361 kB 2.364 kB broken" in " ".join(capture.get().split())
    assert "size ≤ 2.36 kB – not measured again" in " ".join(capture.get().split())


def test_a_limit_on_the_quality_that_other_pictures_miss_is_told_and_breaks_no_claim() -> None:
    accuracy = Metric("accuracy", "", Direction.MAXIMIZE, Stage.LEARNED, Kind.MEASURED, "")
    limit = Constraint("accuracy", Sense.AT_LEAST, 0.885)
    low = Value(0.85, Interval(0.83, 0.87))
    there = LimitFound(limit, accuracy, low, Kept.BROKEN, pictures="the test split")
    found = replace(FOUND, limits=(there,))
    assert found.holds
    assert there.to_json()["kept"] == "broken"
    assert not there.to_json()["decides"]
    console = Console(width=200)
    with console.capture() as capture:
        console.print(found.view())
    shown = " ".join(capture.get().split())
    assert "accuracy ≥ 88.5 % 85.0 % not kept on the test split" in shown
    assert replace(FOUND, limits=(replace(there, pictures=""),)).broken == ("accuracy >= 0.885",)
