from __future__ import annotations

import pytest

from tightfit import Constraint, Direction, Kind, Metric, Reading, Sense, Stage
from tightfit.studies import wording

ACCURACY = Metric("accuracy", "", Direction.MAXIMIZE, Stage.LEARNED, Kind.MEASURED, "")
IOU = Metric("mean_iou", "", Direction.MAXIMIZE, Stage.LEARNED, Kind.MEASURED, "")
SIZE = Metric("size_kb", "kB", Direction.MINIMIZE, Stage.RUNTIME, Kind.COUNTED, "")
PI = Metric("latency_ms.pi4", "ms", Direction.MINIMIZE, Stage.RUNTIME, Kind.MEASURED, "")
PARAMS = Metric("params", "", Direction.MINIMIZE, Stage.STATIC, Kind.COUNTED, "")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (SIZE, "size (kB)"),
        (PI, "latency on pi4 (ms)"),
        (ACCURACY, "accuracy (%)"),
        (IOU, "mean iou"),
        (PARAMS, "params"),
    ],
)
def test_an_axis_names_its_metric_and_its_unit(metric: Metric, expected: str) -> None:
    assert wording.axis_title(metric) == expected


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        (SIZE, 44712.0, "44,712 kB"),
        (SIZE, 256.06, "256 kB"),
        (SIZE, 0.0, "0 kB"),
        (SIZE, 7.0, "7 kB"),
        (PI, 0.24012, "0.240 ms"),
        (PI, 0.000012, "0.000012 ms"),
        (ACCURACY, 0.8953, "89.5 %"),
        (PARAMS, 11_172_810.0, "11.2 M"),
        (PARAMS, 9_999.0, "9,999"),
        (PARAMS, 12_000.0, "12 k"),
        (PARAMS, 999_499.0, "999 k"),
        (PARAMS, 999_999.0, "1.00 M"),
        (PARAMS, 1_000_000.0, "1 M"),
        (SIZE, 9.996, "10.0 kB"),
        (SIZE, 1e-7, "1e−7 kB"),
        (SIZE, -1.234e-8, "−1.23e−8 kB"),
        (IOU, -0.0312, "−0.0312"),
    ],
)
def test_a_value_has_three_digits_and_its_unit(metric: Metric, value: float, expected: str) -> None:
    assert wording.quantity(metric, value) == expected


def test_a_reading_has_as_many_digits_as_its_error_needs() -> None:
    rough = Reading(12.3, kind=Kind.MEASURED, stage=Stage.RUNTIME, stderr=1.2)
    fine = Reading(12.3, kind=Kind.MEASURED, stage=Stage.RUNTIME, stderr=0.008)
    tiny = Reading(12.3, kind=Kind.MEASURED, stage=Stage.RUNTIME, stderr=1e-9)
    exact = Reading(12.3, kind=Kind.COUNTED, stage=Stage.RUNTIME)

    assert wording.reading_text(PI, rough) == "12.3 ±1.2 ms"
    assert wording.reading_text(PI, fine) == "12.300 ±0.008 ms"
    assert wording.reading_text(PI, tiny) == "12.3 ms"
    assert wording.reading_text(PI, exact) == "12.3 ms"


@pytest.mark.parametrize(
    ("metric", "value", "baseline", "expected"),
    [
        (SIZE, 626.0, 44712.0, "1.4 %"),
        (SIZE, 256.0, 44712.0, "0.57 %"),
        (SIZE, 22000.0, 44712.0, "49 %"),
        (SIZE, 9.0, 2.0, "4.5×"),
        (SIZE, 9.0, 0.0, ""),
        (ACCURACY, 0.914, 0.935, "−2.1 points"),
        (ACCURACY, 0.936, 0.935, "+0.1 points"),
        (ACCURACY, 0.935, 0.935, "0.0 points"),
        (IOU, 0.70, 0.75, "−0.0500"),
    ],
)
def test_costs_are_shares_of_the_baseline_and_quality_is_a_distance_from_it(
    metric: Metric, value: float, baseline: float, expected: str
) -> None:
    assert wording.relation(metric, value, baseline) == expected


def test_a_limit_is_said_in_the_unit_that_people_see() -> None:
    assert wording.limit(Constraint("accuracy", Sense.AT_LEAST, 0.885), ACCURACY) == (
        "accuracy ≥ 88.5 %"
    )
    assert wording.limit(Constraint("size_kb", Sense.AT_MOST, 894.24), SIZE) == "size ≤ 894 kB"


def test_words_are_listed_as_in_a_sentence() -> None:
    assert wording.listed([]) == ""
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b"]) == "a and b"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"


def test_a_choice_that_is_not_taken_is_none() -> None:
    assert [wording.choice(each) for each in (None, 0.5, 8, "auto")] == ["none", "0.5", "8", "auto"]


def test_bounds_are_rounded_to_the_side_on_which_the_value_keeps_them() -> None:
    assert wording.rounded(ACCURACY, 0.05666, up=False) == "5.6 %"
    assert wording.rounded(ACCURACY, 0.00166, up=False) == "0.16 %"
    assert wording.rounded(ACCURACY, 0.9087, up=False) == "90.8 %"
    assert wording.rounded(ACCURACY, 0.908, up=False) == "90.8 %"
    assert wording.rounded(SIZE, 2.3601, up=True) == "2.37 kB"
    assert wording.rounded(SIZE, 2.37, up=True) == "2.37 kB"
    assert wording.rounded(PARAMS, 11_172_810.0, up=True) == "11.2 M"


def test_numbers_side_by_side_have_the_same_decimals() -> None:
    assert wording.together(1.02, 1.0, 1.034) == ("1.02", "1.00", "1.03")
    assert wording.together(0.0712, 0.07, 0.0723) == ("0.0712", "0.0700", "0.0723")
    assert wording.together(1.0, 0.96, 1.04) == ("1.00", "0.96", "1.04")
