"""The page's parts, before anything is in them."""

from __future__ import annotations

from typing import cast

from dash import dcc, html
from dash.development.base_component import Component

from tightfit.studies import wording
from tightfit.studies.figures import CONFIG, front_axes
from tightfit.studies.report_page import ordered_metrics
from tightfit.studies.results import Results
from tightfit.studies.standing import standings

RELOAD_MS = 2000
REST_MS = 10_000
"""How often a finished run is looked at: it may be resumed, or removed."""
_BEFORE = {
    "data": [],
    "layout": {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    },
}
"""What is seen of a figure until the first answer: by itself plotly draws axes from −1 to 6."""


def layout(results: Results) -> html.Div:
    """Return the page of a run."""
    return html.Div(
        [
            dcc.Interval(id="tick", interval=RELOAD_MS),
            dcc.Store(id="revision", data=0),
            dcc.Store(id="scheme", data="light"),
            dcc.Store(id="shown"),
            dcc.Store(id="displayed"),
            dcc.Store(id="is-member", data=False),
            dcc.Store(id="exporting", data=False),
            _header(results),
            html.Main(
                [
                    html.Div([_front(results), _member(), _tracks()], className="columns"),
                    _card("Networks", html.Div(id="networks", className="scroll")),
                    html.Div([_hypervolume(), _obstacles()], className="halves"),
                ]
            ),
        ],
        className="page",
    )


def _header(results: Results) -> html.Header:
    return html.Header(
        [
            html.Div(
                [
                    html.H1(results.name),
                    html.Span(id="state", className="state"),
                ],
                className="title",
            ),
            html.P(id="headline", className="headline"),
            html.Div(id="notice", className="notice", role="status"),
        ]
    )


def _front(results: Results) -> html.Section:
    x, y = front_axes(results)
    options = [
        {"label": wording.axis_title(metric), "value": metric.name}
        for metric in ordered_metrics(results)
    ]
    chooser = [
        html.Label(
            [
                html.Span(words),
                dcc.Dropdown(
                    id=f"axis-{axis}",
                    options=options,
                    value=value,
                    clearable=False,
                    searchable=False,
                ),
            ],
            className="axis",
        )
        for axis, words, value in (("x", "across", x), ("y", "up", y))
    ]
    return html.Section(
        [
            html.Div(
                [html.H2("The front"), html.Div(chooser, className="axes")], className="card-head"
            ),
            _graph("front", height=540),
            html.P(
                "A click on a mark shows that network. Shaded: what breaks a limit. "
                "Bars are one standard error. A double click zooms out to everything.",
                className="caption",
            ),
        ],
        className="card",
    )


def _member() -> html.Section:
    return html.Section(
        [
            html.Div(id="member"),
            html.Label(
                [
                    html.Span("another network"),
                    dcc.Dropdown(id="any-network", options=[], placeholder="choose …"),
                ],
                className="axis another",
            ),
            html.Div(
                [
                    html.Button("Export", id="export", className="export", disabled=True),
                    html.Span(id="exportable", className="caption"),
                ],
                className="export-row",
            ),
            dcc.Loading(
                html.Div(id="exported", role="status"),
                type="dot",
                delay_show=300,
                show_initially=False,
            ),
            html.H3("Layer by layer"),
            _graph("layers"),
            html.Div(id="settings"),
        ],
        className="card",
        id="member-card",
    )


def _tracks() -> html.Section:
    return _card("Objectives over the trials", _graph("tracks"))


def _hypervolume() -> html.Section:
    caption = html.P(id="hypervolume-caption", className="caption")
    return _card("Hypervolume", _graph("hypervolume", height=270), caption)


def _obstacles() -> html.Section:
    return _card("What the limits stopped", _graph("obstacles"))


def _card(title: str, *parts: Component) -> html.Section:
    return html.Section([html.H2(title), *parts], className="card")


def network_options(results: Results) -> list[dict[str, str]]:
    """Return every network of the run for the chooser: not all of them stand in the table."""
    return [
        {"label": f"{each.name} · {each.place.value}", "value": each.key}
        for each in standings(results)
    ]


def _graph(name: str, *, height: int | None = None) -> dcc.Graph:
    """Return a place for a figure; where the height follows from the data it comes with it.

    Dash makes a responsive figure as high as its parent, which is as high as the figure: without a
    height of its own it collapses.
    """
    return dcc.Graph(
        id=name,
        figure=_BEFORE,
        config=cast(dcc.Graph.Config, CONFIG),
        style={} if height is None else {"height": f"{height}px"},
    )
