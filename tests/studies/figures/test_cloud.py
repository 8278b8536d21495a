from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tightfit import Measurement, Outcome, Rung
from tightfit.studies.figures import cloud, darkened, draw_cloud, front, front_axes, obstacles
from tightfit.studies.figures.style import DARK
from tightfit.studies.results import Results
from tightfit.studies.standing import Place


def test_the_front_has_the_first_objective_up_and_the_second_across(results: Results) -> None:
    found = front(results)

    assert front_axes(results) == ("size_kb", "accuracy")
    assert (found.x.name, found.y.name) == ("size_kb", "accuracy")
    assert len(found.front) == 8
    assert [*found.front] == sorted(found.front)


def test_a_single_objective_is_shown_against_another_bounded_metric(results: Results) -> None:
    alone = replace(results, objectives=results.objectives[:1])

    assert front_axes(alone) == ("size_kb", "accuracy")
    assert front(alone).front == ()


def test_values_are_in_the_units_that_people_see(results: Results) -> None:
    found = front(results)

    first = next(point for point in found.points if point.key == "0")
    assert first.y == pytest.approx(90.9333, abs=1e-3)
    assert found.baseline is not None
    assert found.baseline.y == pytest.approx(93.47)
    assert {bound.axis: bound.at for bound in found.bounds} == pytest.approx(
        {"x": 894.24, "y": 88.47}
    )


def test_a_point_tells_its_readings_and_main_choices(results: Results) -> None:
    found = front(results)

    hover = next(point for point in found.points if point.key == "24").hover
    assert "<b>trial 24</b> · gp · knee" in hover
    assert "accuracy 89.6 ±0.8 % (−3.9 points)" in hover
    assert "pruning_ratio 0.875 ×2, 0.75 ×2" in hover
    assert "distillation.weight 0.9" in hover


def test_screened_networks_have_a_size_and_no_accuracy(results: Results) -> None:
    found = front(results)

    screened = [point for point in found.points if point.place is Place.SCREENED]
    assert screened
    assert all(point.x is not None and point.y is None for point in screened)
    assert any("screened out by size ≤ 894 kB" in point.hover for point in screened)
    assert all(point.place is not Place.FAILED for point in found.points)


def test_each_reference_has_a_marker_of_its_own_name(results: Results) -> None:
    figure = draw_cloud(front(results))

    names = [trace.name for trace in figure.data]
    for name in (
        "uniform: pruning 0.75, quantization 8",
        "uniform: pruning 0.875, quantization 4",
        "pruning alone",
        "from scratch",
        "baseline",
    ):
        assert name in names
    symbols = [
        trace.marker.symbol[0].removesuffix("-open")
        for trace in figure.data
        if isinstance(trace.marker.symbol, tuple)
    ]
    assert len(symbols) == len(set(symbols))


def test_a_reference_that_breaks_a_limit_is_hollow(results: Results) -> None:
    by_name = {trace.name: trace for trace in draw_cloud(front(results)).data}

    assert not by_name["uniform: pruning 0.75, quantization 8"].marker.symbol[0].endswith("-open")
    assert by_name["uniform: pruning 0.875, quantization 4"].marker.symbol[0].endswith("-open")


def test_a_marker_is_the_same_in_every_pair_of_metrics(results: Results) -> None:
    def symbol(x: str, y: str) -> str:
        by_name = {trace.name: trace for trace in draw_cloud(cloud(results, x, y)).data}
        return str(by_name["from scratch"].marker.symbol[0])

    assert symbol("size_kb", "accuracy") == symbol("size_kb", "latency_ms")


def test_a_click_carries_the_key_of_the_network(results: Results) -> None:
    figure = draw_cloud(front(results, chosen="24"))

    members = next(trace for trace in figure.data if trace.name == "on the front")
    assert "24" in members.customdata
    ring = next(trace for trace in figure.data if trace.name == "chosen: trial 24")
    assert ring.hoverinfo == "skip"


def test_a_distant_baseline_does_not_squeeze_the_front(results: Results) -> None:
    figure = draw_cloud(front(results))

    assert figure.layout.xaxis.range[1] < 2000
    low, high = figure.layout.yaxis.range
    assert low < 88.47 < 93.47 < high
    assert any("baseline at 44,712 kB" in each.text for each in figure.layout.annotations)


def test_limits_are_lines_with_their_words(results: Results) -> None:
    figure = draw_cloud(front(results))

    words = {each.text for each in figure.layout.annotations}
    assert {"size ≤ 894 kB", "accuracy ≥ 88.5 %"} <= words
    lines = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert {894.24, 88.47} <= {round(line.x0, 2) for line in lines} | {
        round(line.y0, 2) for line in lines
    }


def test_values_far_apart_get_a_logarithmic_axis(results: Results) -> None:
    figure = draw_cloud(cloud(results, "params", "size_kb"))

    assert figure.layout.xaxis.type == "linear"
    wide = [
        replace(
            record,
            measurement=record.measurement.updated(
                {"params": replace(record.measurement["params"], value=10.0 ** (index % 7 + 1))}
            ),
        )
        for index, record in enumerate(results.records)
        if "params" in record.measurement
    ]
    figure = draw_cloud(cloud(replace(results, records=tuple(wide)), "params", "size_kb"))
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis.range[1] == pytest.approx(7.4, abs=0.3)


def test_an_empty_front_still_shows_where_everything_lies(empty_front: Results) -> None:
    figure = draw_cloud(front(empty_front))

    names = [trace.name for trace in figure.data]
    assert "on the front" not in names
    assert "breaks a limit" in names
    assert figure.layout.xaxis.range[1] < 2000


def test_a_run_without_trials_shows_the_baseline(results: Results) -> None:
    figure = draw_cloud(front(replace(results, records=(), references=())))

    assert [trace.name for trace in figure.data] == ["baseline"]


def test_without_any_reading_it_says_so(results: Results) -> None:
    nothing = replace(results, records=(), references=(), baseline=type(results.baseline)())

    assert (
        "No network has both readings yet" in draw_cloud(front(nothing)).layout.annotations[0].text
    )


def test_names_from_a_user_are_no_markup(results: Results) -> None:
    evil = replace(results.references[0], origin="<b>net</b>")

    found = front(replace(results, references=(evil,)))

    assert "&lt;b&gt;net" in found.points[-1].hover
    assert "&lt;b&gt;net&lt;/b&gt;" in [trace.name for trace in draw_cloud(found).data]


def test_a_dark_page_has_no_light_colour_left(results: Results) -> None:
    text = json.dumps(darkened(draw_cloud(front(results))).to_plotly_json(), default=str)

    assert not [colour for colour in DARK if colour in text]


def test_a_training_that_was_ended_early_has_a_size_and_says_why(results: Results) -> None:
    whole = next(each for each in results.records if each.feasible)
    known = {name: whole.measurement[name] for name in whole.measurement if name != "accuracy"}
    stopped = replace(
        whole,
        outcome=Outcome.STOPPED,
        measurement=Measurement(known),
        rungs=(Rung(0.25, whole.measurement),),
        reason="stopped after 25% of its training",
    )
    found = front(replace(results, records=(stopped, *results.records[1:])))
    point = next(point for point in found.points if point.place is Place.STOPPED)
    assert point.y is None
    assert "stopped after 25% of its training" in point.hover
    names = {trace.name for trace in draw_cloud(found).data}
    assert {"stopped early, no accuracy", "screened out, no accuracy"} <= names
    counted = {each.name: each.late for each in obstacles(replace(results, records=(stopped,)))}
    assert counted["stopped early, behind others at a rung"] == 1


def untrained(results: Results, outcome: Outcome, reason: str) -> Results:
    """Return the run with one more trial, which was read before its training and no further."""
    whole = next(each for each in results.records if each.feasible)
    known = {name: whole.measurement[name] for name in whole.measurement if name != "accuracy"}
    candidate = results.space.baseline()
    record = replace(
        whole,
        candidate=candidate,
        outcome=outcome,
        measurement=Measurement(known),
        violations={},
        reason=reason,
        origin="gp",
    )
    return replace(results, records=(*results.records, record))


@pytest.mark.parametrize("outcome", [Outcome.SCREENED, Outcome.FAILED, Outcome.STOPPED])
def test_a_trial_that_was_not_trained_is_seen_where_both_readings_exist(
    results: Results, outcome: Outcome
) -> None:
    run = untrained(results, outcome, "the loss was not finite")

    figure = draw_cloud(cloud(run, "size_kb", "latency_ms", chosen="40"))

    holders = [trace for trace in figure.data if "40" in (trace.customdata or ())]
    (ring,) = (trace for trace in figure.data if trace.name == "chosen: trial 40")
    assert len(holders) == 1
    at = [*holders[0].customdata].index("40")
    assert (holders[0].x[at], holders[0].y[at]) == (ring.x[0], ring.y[0])


@pytest.mark.parametrize(
    ("axes", "axis"), [(("size_kb", "accuracy"), "y"), (("accuracy", "size_kb"), "x")]
)
def test_a_chosen_trial_without_accuracy_is_ringed_on_the_axis_where_its_mark_stands(
    results: Results, axes: tuple[str, str], axis: str
) -> None:
    run = untrained(results, Outcome.FAILED, "the loss was not finite")

    figure = draw_cloud(cloud(run, *axes, chosen="40"))

    by_name = {trace.name: trace for trace in figure.data}
    mark, ring = by_name["failed, no accuracy"], by_name["chosen: trial 40"]
    assert (ring.x, ring.y) == (mark.x, mark.y)
    assert mark[f"{axis}axis"] == ring[f"{axis}axis"] == f"{axis}2"


def test_a_failure_says_why_and_stands_under_its_own_name(results: Results) -> None:
    run = untrained(results, Outcome.FAILED, "the file /tmp/<x>/model.onnx " + "could not be " * 40)

    found = front(run)

    hover = next(point for point in found.points if point.key == "40").hover
    assert "failed: the file /tmp/&lt;x&gt;/model.onnx could not be" in hover
    assert max(map(len, hover.split("<br>"))) < 90
    assert hover.count("could not be") < 25
    by_name = {trace.name: trace for trace in draw_cloud(found).data}
    assert "40" in by_name["failed, no accuracy"].customdata
    assert "40" not in by_name["screened out, no accuracy"].customdata
    symbols = {by_name[f"{why}, no accuracy"].marker.symbol for why in ("failed", "screened out")}
    assert len(symbols) == 2


def test_the_bars_of_members_are_seen_whole(results: Results) -> None:
    figure = draw_cloud(front(results))

    members = next(trace for trace in figure.data if trace.name == "on the front")
    low, high = figure.layout.yaxis.range
    for value, error in zip(members.y, members.error_y.array, strict=True):
        assert low < value - error
        assert value + error < high
    wide = _with_error(results, 0.09)
    assert draw_cloud(front(wide)).layout.yaxis.range[1] > 99


def _with_error(results: Results, stderr: float) -> Results:
    records = []
    for record in results.records:
        measurement = record.measurement
        if "accuracy" in measurement:
            reading = replace(measurement["accuracy"], stderr=stderr)
            measurement = measurement.updated({"accuracy": reading})
        records.append(replace(record, measurement=measurement))
    return replace(results, records=tuple(records))


def test_a_marker_stays_when_a_reference_before_it_lacks_a_reading(results: Results) -> None:
    first, second = results.references
    poor = replace(first, measurement=Measurement({"macs": first.measurement["macs"]}))

    def symbol(run: Results) -> str:
        by_name = {trace.name: trace for trace in draw_cloud(front(run)).data}
        return str(by_name["from scratch"].marker.symbol[0])

    assert symbol(replace(results, references=(poor, second))) == symbol(results)


def test_words_at_the_right_edge_end_before_the_line_of_a_limit(results: Results) -> None:
    figure = draw_cloud(front(results))

    notes = {each.text: each for each in figure.layout.annotations}
    assert notes["accuracy ≥ 88.5 %"].x == pytest.approx(894.24)
    assert notes["accuracy ≥ 88.5 %"].xref == "x"
    assert notes["accuracy ≥ 88.5 %"].xanchor == "right"
    assert notes["baseline at 44,712 kB →"].x == pytest.approx(894.24)
    alone = replace(results, constraints=results.constraints[1:])
    notes = {each.text: each for each in draw_cloud(front(alone)).layout.annotations}
    assert (notes["accuracy ≥ 88.5 %"].x, notes["accuracy ≥ 88.5 %"].xref) == (1, "paper")
