from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from tightfit import Direction, Measurement, Objective
from tightfit.studies.figures.picture import HEIGHT, WIDTH, front_picture
from tightfit.studies.results import Results

SVG = "{http://www.w3.org/2000/svg}"


def words(picture: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_the_picture_shows_the_axes_the_limits_and_the_baseline(results: Results) -> None:
    shown = words(front_picture(results, "24"))
    assert {"size (kB)", "accuracy (%)", "size ≤ 894 kB", "accuracy ≥ 88.5 %"} <= set(shown)
    assert "baseline at 44,712 kB" in shown
    assert "90" in shown


def test_the_picked_network_is_ringed(results: Results) -> None:
    def rings(chosen: str | None) -> int:
        picture = ElementTree.fromstring(front_picture(results, chosen))
        return len([each for each in picture.iter(f"{SVG}circle") if each.get("r") == "9.0"])

    # One ring stands in the legend.
    assert rings("24") == 2
    assert rings(None) == 1


@pytest.mark.parametrize("trials", [0, 1, 6])
def test_any_run_has_a_picture(results: Results, empty_front: Results, trials: int) -> None:
    for each in (results, empty_front):
        few = replace(each, records=each.records[:trials], references=())
        assert words(front_picture(few, None))


def test_what_comes_from_the_user_is_never_markup(results: Results) -> None:
    metrics = dict(results.metrics)
    metrics["accuracy"] = replace(metrics["accuracy"], name="<b>&score")
    picture = front_picture(replace(results, metrics=metrics), None)
    assert "<b>&score" in words(picture)


def test_large_counts_are_written_with_m_and_each_tick_differs(results: Results) -> None:
    only = replace(
        results,
        objectives=(results.objectives[0], Objective("macs", Direction.MINIMIZE)),
        constraints=(),
        references=(),
        baseline=Measurement(),
        records=tuple(
            replace(
                record,
                measurement=record.measurement.updated(
                    {"macs": replace(record.measurement["macs"], value=12_000_000 + 1500.0 * n)}
                ),
            )
            for n, record in enumerate(results.records)
            if "macs" in record.measurement
        ),
    )

    ticks = [each for each in words(front_picture(only, None)) if each.endswith(" M")]

    assert {"12.02 M", "12.04 M"} <= set(ticks)
    assert len(set(ticks)) == len(ticks)


def test_a_reference_that_breaks_a_limit_is_hollow(results: Results) -> None:
    picture = ElementTree.fromstring(front_picture(results, None))
    squares = [each.get("fill") for each in picture.iter(f"{SVG}rect") if each.get("width") == "8"]

    # Trial 1 and the small net break one; of each kind one more stands in the legend.
    assert squares.count("none") == 3
    assert len(squares) == 7


def test_no_words_of_the_legend_touch_the_next_entry(results: Results) -> None:
    picture = ElementTree.fromstring(front_picture(results, None))
    entries = [
        (float(each.get("y") or 0), float(each.get("x") or 0), each.text or "")
        for each in picture.iter(f"{SVG}text")
        if float(each.get("y") or 0) > HEIGHT - 40
    ]

    assert len(entries) == 7
    for (up, at, text), (next_up, next_at, _) in pairwise(sorted(entries)):
        if up == next_up:
            # A mark is up to 9 wide on either side, and stands 13 before its words.
            assert at + 6.6 * len(text) < next_at - 13 - 9
    assert max(at + 6.6 * len(text) for _, at, text in entries) < WIDTH


def test_the_bars_of_members_are_seen_whole(results: Results) -> None:
    records = []
    for record in results.records:
        measurement = record.measurement
        if "accuracy" in measurement:
            reading = replace(measurement["accuracy"], stderr=0.09)
            measurement = measurement.updated({"accuracy": reading})
        records.append(replace(record, measurement=measurement))

    shown = words(front_picture(replace(results, records=tuple(records)), None))

    assert {"80", "100"} <= set(shown)
