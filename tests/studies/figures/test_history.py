from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tightfit import Direction, Objective, Outcome
from tightfit.studies.figures import (
    Obstacle,
    draw_hypervolume,
    draw_obstacles,
    draw_tracks,
    hypervolume_caption,
    hypervolume_over_trials,
    obstacles,
    tracks,
)
from tightfit.studies.results import Results


def test_the_hypervolume_only_grows_and_ends_at_the_whole(results: Results) -> None:
    history = hypervolume_over_trials(results)

    assert len(history.values) == 40
    assert [*history.values] == sorted(history.values)
    assert history.values[-1] == 1.0
    figure = draw_hypervolume(history)
    assert figure.data[0].line.shape == "hv"
    assert figure.data[0].y[-1] == 100.0


def test_the_reference_point_is_stated_with_units(results: Results) -> None:
    caption = hypervolume_caption(hypervolume_over_trials(results))

    assert "Reference point: accuracy 88.5 % and size 894 kB." in caption
    # As shares the product would be 12.16, which is in no unit of the corner beside it.
    assert "100 % is 1,216 accuracy (%) × size (kB)." in caption


def test_a_product_of_three_objectives_is_written_with_k_and_m(results: Results) -> None:
    three = replace(
        results,
        objectives=(*results.objectives, Objective("macs", Direction.MINIMIZE)),
        reference_point=(*results.reference_point, 141e6),
    )

    caption = hypervolume_caption(hypervolume_over_trials(three))

    assert re.search(r"100 % is [\d.]+ G accuracy \(%\) × size \(kB\) × macs\.", caption)


def test_a_hypervolume_of_nothing_is_said_in_words(empty_front: Results) -> None:
    history = hypervolume_over_trials(empty_front)

    assert history.final == 0.0
    assert draw_hypervolume(history).layout.annotations[0].text.startswith("No trial is feasible")
    assert hypervolume_caption(history).startswith("Reference point")
    assert hypervolume_over_trials(replace(empty_front, records=())).values == ()


def test_every_trial_is_counted_where_it_stopped(results: Results) -> None:
    found = {each.name: (each.early, each.late) for each in obstacles(results)}

    assert found == {
        "size ≤ 894 kB": (4, 0),
        "latency ≤ 0.421 ms": (2, 0),
        "accuracy ≥ 88.5 %": (0, 5),
        "failed": (0, 1),
        "keeps all limits": (0, 28),
    }


def test_bars_stand_in_the_order_of_the_limits(results: Results) -> None:
    figure = draw_obstacles(obstacles(results))

    by_name = {trace.name: trace for trace in figure.data}
    early, late = by_name["screened out before training"], by_name["keeps all limits"]
    assert figure.layout.yaxis.categoryarray[0] == early.y[0] == "size ≤ 894 kB"
    assert early.x[0] == 4
    assert figure.layout.yaxis.categoryarray[-1] == late.y[-1] == "keeps all limits"
    assert late.x[-1] == 28


def test_what_was_never_trained_to_the_end_is_not_after_training(results: Results) -> None:
    record = next(each for each in results.records if each.feasible)
    stopped = replace(record, outcome=Outcome.STOPPED, reason="stopped at a rung")
    found = obstacles(replace(results, records=(*results.records, stopped)))

    bars = [trace for trace in draw_obstacles(found).data if trace.type == "bar"]

    assert [(bar.name, [*bar.y]) for bar in bars] == [
        ("screened out before training", ["size ≤ 894 kB", "latency ≤ 0.421 ms"]),
        ("broken after training", ["accuracy ≥ 88.5 %"]),
        ("failed", ["failed"]),
        ("stopped early", ["stopped early, behind others at a rung"]),
        ("keeps all limits", ["keeps all limits"]),
    ]
    assert len({bar.marker.color for bar in bars}) == len(bars)
    assert all(bar.showlegend for bar in bars)


def test_counts_stand_beside_their_bars() -> None:
    figure = draw_obstacles((Obstacle("latency ≤ 1 ms", 4, 2), Obstacle("size ≤ 9 kB", 900, 0)))

    (counts,) = (trace for trace in figure.data if trace.type == "scatter")
    assert [text.strip() for text in counts.text] == ["4 + 2", "900"]
    assert [*counts.x] == [6, 900]


def test_words_of_a_level_and_of_the_baseline_stand_at_different_ends(results: Results) -> None:
    (first, *_) = tracks(results)
    near = replace(first, baseline=(first.bound or 0.0) + 0.01)

    notes = {each.text: each for each in draw_tracks((near,)).layout.annotations}

    assert notes["baseline"].xanchor == "left"
    assert notes["accuracy ≥ 88.5 %"].xanchor == "right"


def test_without_trials_there_are_no_bars(results: Results) -> None:
    figure = draw_obstacles(obstacles(replace(results, records=())))

    assert figure.layout.annotations[0].text == "No trial is finished yet."


def test_the_best_feasible_value_never_gets_worse(results: Results) -> None:
    accuracy, size = tracks(results)

    best = [value for value in accuracy.best if value is not None]
    assert best == sorted(best)
    small = [value for value in size.best if value is not None]
    assert small == sorted(small, reverse=True)
    assert accuracy.baseline == pytest.approx(93.47)
    assert accuracy.limit == "accuracy ≥ 88.5 %"


def test_each_objective_has_its_own_row(results: Results) -> None:
    figure = draw_tracks(tracks(results))

    assert figure.layout.yaxis.title.text == "accuracy (%)"
    assert figure.layout.yaxis2.title.text == "size (kB)"
    assert figure.layout.xaxis2.title.text == "trial"


def test_before_the_first_feasible_trial_there_is_no_best(empty_front: Results) -> None:
    accuracy, _ = tracks(empty_front)

    assert set(accuracy.best) == {None}
    names = {trace.name for trace in draw_tracks(tracks(empty_front)).data if trace.showlegend}
    assert names == {"breaks a limit"}


def test_an_objective_without_limit_or_baseline_has_no_lines(results: Results) -> None:
    bare = replace(results, constraints=(), baseline=type(results.baseline)())

    figure = draw_tracks(tracks(bare))

    assert not figure.layout.shapes
    assert draw_tracks(tracks(replace(bare, records=()))).layout.annotations
