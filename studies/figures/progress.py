"""Each objective over the trials, with the best feasible value so far."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tightfit import Metric, Objective
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.axes import view
from tightfit.studies.figures.hover import hover_text
from tightfit.studies.results import Results
from tightfit.studies.standing import Place, Standing, standings

_ROW_HEIGHT = 220


@dataclass(frozen=True, slots=True)
class Track:
    """One objective over the trials.

    Attributes:
        metric: The objective's.
        trials: Numbers of the evaluated trials.
        keys: Of their standings.
        values: In the unit that people see.
        feasible: Whether each keeps all limits.
        hover: Lines of plotly's markup.
        best: The best feasible value up to each of them; ``None`` before the first.
        baseline: ``None`` where it was not read.
        bound: The limit on the metric, if there is one.
        limit: The same as people say it.
    """

    metric: Metric
    trials: tuple[int, ...]
    keys: tuple[str, ...]
    values: tuple[float, ...]
    feasible: tuple[bool, ...]
    hover: tuple[str, ...]
    best: tuple[float | None, ...]
    baseline: float | None
    bound: float | None
    limit: str


def tracks(results: Results) -> tuple[Track, ...]:
    """Return every objective over the evaluated trials."""
    evaluated = [each for each in standings(results) if each.evaluated and each.trial is not None]
    hover = tuple(hover_text(results, each) for each in evaluated)
    return tuple(_track(results, each, evaluated, hover) for each in results.objectives)


def draw_tracks(found: tuple[Track, ...]) -> go.Figure:
    """Draw the objectives one below the other over the same trials."""
    if not any(track.trials for track in found):
        return style.empty("No trial is evaluated yet.")
    figure = make_subplots(
        rows=len(found), cols=1, shared_xaxes=True, vertical_spacing=0.12 / len(found)
    )
    figure.update_layout(template=style.TEMPLATE, uirevision="progress")
    figure.update_layout(height=_ROW_HEIGHT * len(found) + 110)
    for row, track in enumerate(found, start=1):
        _draw_track(figure, track, row)
    figure.update_xaxes(title_text="trial", row=len(found), col=1)
    return figure


def _draw_track(figure: go.Figure, track: Track, row: int) -> None:
    for place in (Place.INFEASIBLE, Place.FEASIBLE):
        _draw_trials(figure, track, place, row)
    figure.add_scatter(
        x=[*track.trials],
        y=[*track.best],
        mode="lines",
        line={"shape": "hv", "color": style.MEMBER, "width": 2},
        name="best feasible so far",
        legendgroup="best",
        showlegend=row == 1 and any(track.feasible),
        hoverinfo="skip",
        row=row,
        col=1,
    )
    focus, others = [*track.values], []
    if track.bound is not None:
        focus.append(track.bound)
        _draw_level(
            figure, track.bound, track.limit, row, side="right", colour=style.LIMIT, dash="dash"
        )
    if track.baseline is not None:
        others.append(track.baseline)
        # At the other end than the limit's words, which may stand at the same height.
        _draw_level(
            figure, track.baseline, "baseline", row, side="left", colour=style.MUTED, dash="dot"
        )
    figure.update_yaxes(
        title_text=wording.axis_title(track.metric),
        range=view(focus, others, log=False),
        row=row,
        col=1,
    )


def _draw_trials(figure: go.Figure, track: Track, place: Place, row: int) -> None:
    wanted = place is Place.FEASIBLE
    mine = [index for index, feasible in enumerate(track.feasible) if feasible == wanted]
    figure.add_scatter(
        x=[track.trials[index] for index in mine],
        y=[track.values[index] for index in mine],
        customdata=[track.keys[index] for index in mine],
        hovertext=[track.hover[index] for index in mine],
        hovertemplate="%{hovertext}<extra></extra>",
        mode="markers",
        name=place.value,
        legendgroup=place.value,
        showlegend=row == 1 and bool(mine),
        marker={
            "symbol": style.SYMBOLS[place],
            "color": style.COLOURS[place],
            "size": 8,
            "line": {"width": 1.5, "color": style.COLOURS[place]},
        },
        row=row,
        col=1,
    )


def _draw_level(
    figure: go.Figure, at: float, words: str, row: int, *, side: str, colour: str, dash: str
) -> None:
    figure.add_hline(
        at,
        line={"color": colour, "width": 1.25, "dash": dash},
        annotation={"text": words, "font": {"color": colour, "size": 12}},
        annotation_position=f"bottom {side}",
        row=row,
        col=1,
    )


def _track(
    results: Results, objective: Objective, evaluated: list[Standing], hover: tuple[str, ...]
) -> Track:
    metric = results.metrics[objective.metric]
    best: float | None = None
    reached: list[float | None] = []
    values = [each.record.measurement.value(metric.name) for each in evaluated]
    for standing, value in zip(evaluated, values, strict=True):
        if standing.record.feasible and (best is None or objective.better(value, best)):
            best = value
        reached.append(None if best is None else wording.shown(metric, best))
    bounds = [each for each in results.constraints if each.metric == metric.name]
    baseline = results.baseline.readings.get(metric.name)
    return Track(
        metric=metric,
        trials=tuple(each.trial for each in evaluated if each.trial is not None),
        keys=tuple(each.key for each in evaluated),
        values=tuple(wording.shown(metric, value) for value in values),
        feasible=tuple(each.record.feasible for each in evaluated),
        hover=hover,
        best=tuple(reached),
        baseline=None if baseline is None else wording.shown(metric, baseline.value),
        bound=wording.shown(metric, bounds[0].bound) if bounds else None,
        limit=wording.limit(bounds[0], metric) if bounds else "",
    )
