"""Draws two metrics of every network."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tightfit import Metric
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.axes import near, reach, view, wants_log
from tightfit.studies.figures.cloud import Bound, Cloud, Point
from tightfit.studies.standing import Place

_DRAWN = (Place.INFEASIBLE, Place.FEASIBLE, Place.MEMBER)
_SIZES = {Place.INFEASIBLE: 7, Place.FEASIBLE: 8, Place.MEMBER: 10}
_BASELINE_WIDTHS = 2.0
"""The baseline is seen when it is this near to the rest."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of the figure.

    Attributes:
        letter: ``x`` or ``y``.
        metric: What it shows.
        log: Whether it is logarithmic.
        view: What is seen at first: data values, or powers of ten.
        reach: The least and largest value of anything, data values.
    """

    letter: str
    metric: Metric
    log: bool
    view: tuple[float, float]
    reach: tuple[float, float]

    def place(self, value: float) -> float:
        """Return where a data value lies in ``view``; labels and ranges are placed so."""
        return math.log10(value) if self.log else value


def draw_cloud(cloud: Cloud) -> go.Figure:
    """Draw the networks, the front's line, the limits and the baseline.

    A click on a point carries its key as ``customdata``.
    """
    whole = [point for point in cloud.points if point.x is not None and point.y is not None]
    if not whole and cloud.baseline is None:
        return style.empty("No network has both readings yet.")
    # A reader's zoom is kept while the run goes on, and dropped when the axes change.
    kept = f"{cloud.x.name} {cloud.y.name}"
    figure = go.Figure(layout={"template": style.TEMPLATE, "uirevision": kept})
    x, y = _axis("x", cloud.x, cloud, whole), _axis("y", cloud.y, cloud, whole)
    _set_axes(figure, x, y)
    for bound in cloud.bounds:
        _draw_bound(figure, bound, x if bound.axis == "x" else y)
    for place in (Place.SCREENED, Place.STOPPED):
        _draw_unscored(figure, cloud, place)
    _draw_front_line(figure, cloud)
    for place in _DRAWN:
        _draw_points(figure, place, [p for p in whole if p.place is place and not p.reference])
    _draw_references(figure, cloud, whole)
    if cloud.baseline is not None:
        _draw_baseline(figure, cloud.baseline, x, y)
    _draw_chosen(figure, [point for point in whole if point.key == cloud.chosen])
    return figure


def _axis(letter: str, metric: Metric, cloud: Cloud, whole: Sequence[Point]) -> _Axis:
    feasible = [point for point in whole if point.place in (Place.MEMBER, Place.FEASIBLE)]
    baseline = [cloud.baseline] if cloud.baseline is not None else []
    bounds = [bound.at for bound in cloud.bounds if bound.axis == letter]
    focus = [_at(point, letter) for point in feasible or whole or baseline] + bounds
    log = wants_log(focus)
    for point in baseline:
        if near(_at(point, letter), focus, log=log, widths=_BASELINE_WIDTHS):
            focus.append(_at(point, letter))
    all_values = [_at(point, letter) for point in (*whole, *baseline)]
    seen = view(focus, all_values, log=log)
    return _Axis(letter, metric, log, seen, reach([*all_values, *bounds], seen, log=log))


def _set_axes(figure: go.Figure, x: _Axis, y: _Axis) -> None:
    for axis in (x, y):
        update = figure.update_xaxes if axis.letter == "x" else figure.update_yaxes
        update(
            title_text=wording.axis_title(axis.metric),
            type="log" if axis.log else "linear",
            range=axis.view,
            dtick="D2" if axis.log else None,
        )
    # The marks of networks without accuracy stand on the x axis, wherever it is moved to.
    figure.update_layout(
        yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    )


def _draw_bound(figure: go.Figure, bound: Bound, axis: _Axis) -> None:
    line = {"color": style.LIMIT, "width": 1.25, "dash": "dash"}
    side = {"fillcolor": style.BROKEN_SIDE, "line_width": 0, "layer": "below"}
    far = axis.reach[1] if bound.above else axis.reach[0]
    label = {
        "text": bound.text,
        "showarrow": False,
        "font": {"color": style.LIMIT, "size": 12},
    }
    place = axis.place(bound.at)
    if axis.letter == "x":
        figure.add_vrect(bound.at, far, **side)
        figure.add_vline(bound.at, line=line)
        figure.add_annotation(
            x=place,
            xanchor="right" if bound.above else "left",
            y=1,
            yref="paper",
            yanchor="bottom",
            **label,
        )
    else:
        figure.add_hrect(bound.at, far, **side)
        figure.add_hline(bound.at, line=line)
        figure.add_annotation(
            x=0.995,
            xref="paper",
            xanchor="right",
            y=place,
            yanchor="top" if not bound.above else "bottom",
            **label,
        )


def _draw_unscored(figure: go.Figure, cloud: Cloud, place: Place) -> None:
    """Networks without the metric of the y axis, as faint strokes on the x axis."""
    points = [
        point
        for point in cloud.points
        if point.y is None
        and point.x is not None
        and not point.outside
        # A failed one stands with those that were screened out.
        and (point.place is Place.STOPPED) == (place is Place.STOPPED)
    ]
    if points:
        figure.add_scatter(
            x=[point.x for point in points],
            y=[0.018] * len(points),
            yaxis="y2",
            mode="markers",
            name=f"{place.value}, no {wording.title(cloud.y)}",
            marker={
                "symbol": style.SYMBOLS[place],
                "color": style.COLOURS[place],
                "size": 11,
                "line": {"width": 1.25},
            },
            **_words(points),
        )


def _draw_front_line(figure: go.Figure, cloud: Cloud) -> None:
    if cloud.front:
        figure.add_scatter(
            x=[x for x, _ in cloud.front],
            y=[y for _, y in cloud.front],
            mode="lines",
            line={"color": style.MEMBER, "width": 1.5},
            hoverinfo="skip",
            showlegend=False,
        )


def _draw_points(figure: go.Figure, place: Place, points: Sequence[Point]) -> None:
    if not points:
        return
    member = place is Place.MEMBER
    figure.add_scatter(
        x=[point.x for point in points],
        y=[point.y for point in points],
        error_x=_error([point.x_error for point in points], shown=member),
        error_y=_error([point.y_error for point in points], shown=member),
        mode="markers",
        name=place.value,
        marker={
            "symbol": style.SYMBOLS[place],
            "color": style.COLOURS[place],
            "size": _SIZES[place],
            "line": {"width": 0 if member else 1.5, "color": style.COLOURS[place]},
        },
        **_words(points),
    )


def _draw_references(figure: go.Figure, cloud: Cloud, whole: Sequence[Point]) -> None:
    """Each origin has its own marker; filled where the network keeps all limits."""
    labels = dict.fromkeys(point.label for point in cloud.points if point.reference)
    for position, label in enumerate(labels):
        mine = [point for point in whole if point.reference and point.label == label]
        if not mine:
            continue
        symbol = style.REFERENCE_SYMBOLS[position % len(style.REFERENCE_SYMBOLS)]
        colour = style.OUTSIDE if mine[0].outside else style.REFERENCE
        keeps = [point.place in (Place.MEMBER, Place.FEASIBLE) for point in mine]
        figure.add_scatter(
            x=[point.x for point in mine],
            y=[point.y for point in mine],
            mode="markers",
            name=html.escape(label),
            marker={
                "symbol": [symbol if kept else f"{symbol}-open" for kept in keeps],
                "color": colour,
                "size": 10,
                "line": {"width": 1.5, "color": colour},
            },
            **_words(mine),
        )


def _draw_baseline(figure: go.Figure, point: Point, x: _Axis, y: _Axis) -> None:
    figure.add_scatter(
        x=[point.x],
        y=[point.y],
        mode="markers",
        name="baseline",
        marker={"symbol": style.BASELINE_SYMBOL, "color": style.INK, "size": 11},
        **_words([point]),
    )
    across, up = x.place(_at(point, "x")), y.place(_at(point, "y"))
    if y.view[0] <= up <= y.view[1] and not x.view[0] <= across <= x.view[1]:
        # Its height as a line, as it lies too far to the side.
        figure.add_hline(point.y, line={"color": style.MUTED, "width": 1, "dash": "dot"})
        right = across > x.view[1]
        value = wording.quantity(x.metric, _at(point, "x") / wording.shown(x.metric, 1.0))
        figure.add_annotation(
            text=f"baseline at {value} →" if right else f"← baseline at {value}",
            x=1 if right else 0,
            xref="paper",
            xanchor="right" if right else "left",
            y=up,
            yanchor="bottom",
            showarrow=False,
            font={"color": style.MUTED, "size": 12},
        )


def _draw_chosen(figure: go.Figure, points: Sequence[Point]) -> None:
    if points:
        figure.add_scatter(
            x=[point.x for point in points],
            y=[point.y for point in points],
            mode="markers",
            name=f"chosen: {points[0].name}",
            marker={
                "symbol": "circle-open",
                "color": style.INK,
                "size": 20,
                "line": {"width": 2, "color": style.INK},
            },
            hoverinfo="skip",
        )


def _words(points: Sequence[Point]) -> dict[str, object]:
    return {
        "customdata": [point.key for point in points],
        "hovertext": [point.hover for point in points],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _error(values: Sequence[float], *, shown: bool) -> dict[str, object]:
    visible = shown and any(values)
    return {
        "array": [*values] if visible else [],
        "visible": visible,
        "color": style.FEASIBLE,
        "thickness": 1,
        "width": 0,
    }


def _at(point: Point, axis: str) -> float:
    value = point.x if axis == "x" else point.y
    assert value is not None, "only points with both readings are drawn"
    return value
