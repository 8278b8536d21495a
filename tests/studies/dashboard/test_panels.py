from __future__ import annotations

from dataclasses import replace

from dash.development.base_component import Component

from tightfit.studies.dashboard.layout import layout, network_options
from tightfit.studies.dashboard.panels import member_panel, networks_table
from tightfit.studies.results import Results
from tightfit.studies.standing import Place, Standing, chosen, standings


def words(part: object) -> str:
    """Return the text of a component and of all in it."""
    if isinstance(part, Component):
        return words(getattr(part, "children", None))
    if isinstance(part, list | tuple):
        return " ".join(words(each) for each in part)
    return "" if part is None else str(part)


def of_place(results: Results, place: Place) -> Standing:
    return next(each for each in standings(results) if each.place is place)


def test_a_member_is_shown_with_every_reading_and_its_limits(results: Results) -> None:
    text = words(member_panel(results, chosen(standings(results))))

    assert "Trial 24 knee" in text
    assert "proposed by gp" in text
    assert "accuracy ≥ 88.5 % ≈  89.6  ±0.8 −3.9 points %" in text
    assert "energy" in text


def test_a_screened_trial_says_by_which_limit(results: Results) -> None:
    text = words(member_panel(results, of_place(results, Place.SCREENED)))

    assert "Screened out by size ≤ 894 kB" in text


def test_a_failed_trial_says_why(results: Results) -> None:
    text = words(member_panel(results, of_place(results, Place.FAILED)))

    assert "Failed: the loss was not finite at step 12" in text


def test_an_infeasible_trial_says_what_it_would_need(results: Results) -> None:
    text = words(member_panel(results, of_place(results, Place.INFEASIBLE)))

    assert "needs accuracy ≥ 88.5 % relaxed to" in text


def test_before_the_first_trial_nothing_is_shown(results: Results) -> None:
    assert "No network yet" in words(member_panel(results, None))


def test_the_table_marks_the_row_that_is_shown(results: Results) -> None:
    table = networks_table(results, "26")

    shown = [
        row
        for body in table.children[1:]
        for row in body.children
        if getattr(row, "className", "") == "shown"
    ]
    assert len(shown) == 1
    assert "trial 26" in words(shown[0])


def test_the_axes_offer_what_some_network_has_read(results: Results) -> None:
    unread = replace(results.metrics["latency_ms"], name="latency_ms.openvino")
    page = layout(replace(results, metrics={**results.metrics, unread.name: unread}))

    offered = [option["value"] for option in page["axis-x"].options]
    assert "latency_ms" in offered
    assert unread.name not in offered


def test_places_of_figures_show_no_axes_before_the_first_answer(results: Results) -> None:
    page = layout(results)

    for name in ("front", "layers", "tracks", "hypervolume", "obstacles"):
        assert page[name].figure["layout"]["xaxis"]["visible"] is False
        assert page[name].figure["layout"]["yaxis"]["visible"] is False


def test_every_network_can_be_named(results: Results) -> None:
    options = {each["value"]: each["label"] for each in network_options(results)}

    assert options.keys() == {each.key for each in standings(results)}
    assert options["20"] == "trial 20 · failed"
    assert options["n0"] == "small net squeezenet1_1 · breaks a limit"
