from __future__ import annotations

from dataclasses import replace

import pytest

from tightfit import Constraint, Measurement, Sense
from tightfit.studies.cells import bounds, cell
from tightfit.studies.results import Results

SENSES = {"≤": Sense.AT_MOST, "≥": Sense.AT_LEAST}


def beside(results: Results, name: str, *, value: float, bound: float, sense: str) -> list[str]:
    """Return a reading and its limit as a table shows them."""
    limit = Constraint(name, SENSES[sense], bound)
    run = replace(results, constraints=(limit,))
    reading = replace(results.baseline[name], value=value)
    measurement = Measurement({name: reading})
    found = cell(run, run.metrics[name], measurement)
    return [found.mark + found.value, *bounds(run, run.metrics[name], [measurement])]


@pytest.mark.parametrize(
    ("name", "value", "sense", "bound", "texts"),
    [
        ("size_kb", 2.3644, "≤", 2.3612, ["✗2.364", "≤ 2.361 kB"]),
        ("size_kb", 2.356, "≤", 2.3552, ["✗2.356", "≤ 2.355 kB"]),
        ("size_kb", 2.3612, "≤", 2.3644, ["2.361", "≤ 2.364 kB"]),
        ("size_kb", 2.41, "≤", 2.3612, ["✗2.41", "≤ 2.36 kB"]),
        ("size_kb", 894.24, "≤", 894.24, ["894", "≤ 894 kB"]),
        ("accuracy", 0.88453, "≥", 0.8847, ["✗88.45", "≥ 88.47 %"]),
        ("params", 11_172_810.0, "≤", 11_170_000.0, ["✗11.173 M", "≤ 11.170 M"]),
    ],
)
def test_a_reading_and_its_bound_have_the_digits_that_tell_them_apart(
    results: Results, name: str, value: float, sense: str, bound: float, texts: list[str]
) -> None:
    exact = replace(results, baseline=_without_errors(results.baseline))

    found = beside(exact, name, value=value, bound=bound, sense=sense)

    assert found == texts


def test_the_spread_has_the_decimals_of_its_reading(results: Results) -> None:
    run = replace(results, constraints=(Constraint("accuracy", Sense.AT_LEAST, 0.93471),))
    found = cell(run, run.metrics["accuracy"], results.baseline)

    assert found.mark + found.value == "✗93.470"
    assert len(found.spread) == len("±0.750")


def test_a_bound_has_no_more_digits_than_the_readings_beside_it_need(results: Results) -> None:
    size = results.metrics["size_kb"]

    assert bounds(results, size, []) == ("≤ 894 kB",)
    assert bounds(results, size, [results.baseline, Measurement()]) == ("≤ 894 kB",)
    assert bounds(results, results.metrics["params"], [results.baseline]) == ()


def _without_errors(measurement: Measurement) -> Measurement:
    return Measurement({name: replace(measurement[name], stderr=0.0) for name in measurement})
