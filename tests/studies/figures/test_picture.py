from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tightfit.studies.figures.picture import front_picture
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
