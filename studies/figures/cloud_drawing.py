"""Draws two metrics of every network."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.cloud import Cloud, Point
from tightfit.studies.figures.cloud_axes import Axis, axes_of, draw_bound, right_edge, set_axes
from tightfit.studies.standing import Place

_UNTRAINED = (Place.SCREENED, Place.STOPPED, Place.FAILED)
_DRAWN = (*_UNTRAINED, Place.INFEASIBLE, Place.FEASIBLE, Place.MEMBER)
_SIZES = {Place.INFEASIBLE: 7, Place.FEASIBLE: 8, Place.MEMBER: 10}
_STROKE = 11
_EDGE = 0.018
"""How far from an axis the marks on it stand, as a share of the figure."""


def draw_cloud(cloud: Cloud) -> go.Figure:
    """Draw the networks, the front's line, the limits and the baseline.

    A click on a point carries its key as ``customdata``.
    """
    whole = cloud.whole
    if not whole and cloud.baseline is None:
        return style.empty("No network has both readings yet.")
    # A reader's zoom is kept while the run goes on, and dropped when the axes change.
    kept = f"{cloud.x.name} {cloud.y.name}"
    figure = go.Figure(layout={"template": style.TEMPLATE, "uirevision": kept})
    x, y = axes_of(cloud)
    set_axes(figure, x, y)
    for bound in cloud.bounds:
        draw_bound(figure, cloud, bound, x, y)
    for place in _UNTRAINED:
        for known in ("x", "y"):
            _draw_on_axis(figure, cloud, place, known)
    _draw_front_line(figure, cloud)
    for place in _DRAWN:
        _draw_points(figure, place, [p for p in whole if p.place is place and not p.reference])
    _draw_references(figure, cloud)
    if cloud.baseline is not None:
        _draw_baseline(figure, cloud, cloud.baseline, x, y)
    _draw_chosen(figure, [point for point in cloud.points if point.key == cloud.chosen])
    return figure


def _draw_on_axis(figure: go.Figure, cloud: Cloud, place: Place, known: str) -> None:
    """Networks without the other axis's metric, as faint strokes on the axis of the known one."""
    other = "y" if known == "x" else "x"
    points = [
        point
        for point in cloud.points
        if point.place is place
        and not point.outside
        and point.at(other) is None
        and point.at(known) is not None
    ]
    if points:
        lacking = cloud.y if known == "x" else cloud.x
        symbol = style.SYMBOLS[place]
        figure.add_scatter(
            **_places(points),
            mode="markers",
            name=f"{place.value}, no {wording.title(lacking)}",
            marker={
                # Upright on the lower axis, level on the left one.
                "symbol": symbol if known == "x" else symbol.replace("-ns-", "-ew-"),
                "color": style.COLOURS[place],
                "size": _STROKE,
                "line": {"width": 1.25},
            },
            **_words(points),
        )


def _places(points: Sequence[Point]) -> dict[str, object]:
    """Return where marks stand; all lack the same reading, or none."""
    place: dict[str, object] = {"x": [p.x for p in points], "y": [p.y for p in points]}
    for axis in ("x", "y"):
        if points[0].at(axis) is None:
            place |= {axis: [_EDGE] * len(points), f"{axis}axis": f"{axis}2"}
    return place


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
            "size": _SIZES.get(place, _STROKE),
            "line": {"width": 0 if member else 1.5, "color": style.COLOURS[place]},
        },
        **_words(points),
    )


def _draw_references(figure: go.Figure, cloud: Cloud) -> None:
    """Each origin has its own marker; filled where the network keeps all limits."""
    for position, label in enumerate(cloud.origins):
        mine = [point for point in cloud.whole if point.reference and point.label == label]
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


def _draw_baseline(figure: go.Figure, cloud: Cloud, point: Point, x: Axis, y: Axis) -> None:
    figure.add_scatter(
        x=[point.x],
        y=[point.y],
        mode="markers",
        name="baseline",
        marker={"symbol": style.BASELINE_SYMBOL, "color": style.INK, "size": 11},
        **_words([point]),
    )
    # Its height as a line where it lies too far to the side.
    value, up = point.x or 0.0, y.place(point.y or 0.0)
    if not y.view[0] <= up <= y.view[1] or x.view[0] <= x.place(value) <= x.view[1]:
        return
    figure.add_hline(point.y, line={"color": style.MUTED, "width": 1, "dash": "dot"})
    right = x.place(value) > x.view[1]
    words = wording.quantity(x.metric, value / wording.shown(x.metric, 1.0))
    # On the other side of its line than a limit, which may be near, has its words.
    below = any(bound.axis == "y" and bound.above for bound in cloud.bounds)
    edge = right_edge(cloud, x) if right else {"x": 0, "xref": "paper", "xanchor": "left"}
    figure.add_annotation(
        text=f"baseline at {words} →" if right else f"← baseline at {words}",
        y=up,
        yanchor="top" if below else "bottom",
        showarrow=False,
        font={"color": style.MUTED, "size": 12},
        **edge,
    )


def _draw_chosen(figure: go.Figure, points: Sequence[Point]) -> None:
    """Ring the chosen network wherever its mark stands; one outside the space needs both readings.

    Args:
        figure: With the mark in it.
        points: The chosen one, if it has a reading of either metric.
    """
    drawn = [p for p in points if not p.outside or (p.x is not None and p.y is not None)]
    if drawn:
        figure.add_scatter(
            **_places(drawn),
            mode="markers",
            name=f"chosen: {drawn[0].name}",
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
