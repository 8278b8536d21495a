"""How our figures look: a palette for light and dark, markers, and one template.

The hues are those of Okabe and Ito (2008), which stay apart for people with any colour vision, and
nothing is told by colour alone: what differs in meaning differs in its marker or its line as well.
"""

from __future__ import annotations

import json
import textwrap
from typing import Any

import plotly.graph_objects as go

from tightfit.studies.standing import Place

INK = "#1c2127"
MUTED = "#626b77"
GRID = "#e4e7eb"
MEMBER = "#0a66a6"
FEASIBLE = "#5aa2d2"
BROKEN = "#9aa1ab"
REFERENCE = "#b85406"
OUTSIDE = "#a6457e"
LIMIT = "#b02a24"
BROKEN_SIDE = "#f7ecea"
MEMBER_SIDE = "#e7f0f7"
PAPER = "#fefefe"

DARK = {
    INK: "#e8ebef",
    MUTED: "#9ba5b2",
    GRID: "#2e343c",
    MEMBER: "#62b1ee",
    FEASIBLE: "#3f7fb2",
    BROKEN: "#6b7480",
    REFERENCE: "#f39a4a",
    OUTSIDE: "#e091bd",
    LIMIT: "#ff8d84",
    BROKEN_SIDE: "#2c2122",
    MEMBER_SIDE: "#1b2a37",
    PAPER: "#171a1e",
}
"""What each colour becomes on a dark page."""

FONT = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif'
)
COLOURS = {
    Place.MEMBER: MEMBER,
    Place.FEASIBLE: FEASIBLE,
    Place.INFEASIBLE: BROKEN,
    Place.SCREENED: BROKEN,
    Place.FAILED: BROKEN,
    Place.STOPPED: MUTED,
}
SYMBOLS = {
    Place.MEMBER: "circle",
    Place.FEASIBLE: "circle-open",
    Place.INFEASIBLE: "x-thin-open",
    Place.SCREENED: "line-ns-open",
    Place.FAILED: "line-ne-open",
    Place.STOPPED: "line-nw-open",
}
REFERENCE_SYMBOLS = (
    "square",
    "triangle-up",
    "triangle-down",
    "pentagon",
    "star",
    "cross",
    "triangle-left",
    "triangle-right",
    "hexagon2",
    "bowtie",
    "hourglass",
    "star-diamond",
)
BASELINE_SYMBOL = "diamond"

EMPTY_HEIGHT = 140
_EMPTY_WIDTH = 42
_BUTTONS = ("toImage", "zoom2d", "pan2d", "autoScale2d", "resetScale2d")

CONFIG: dict[str, Any] = {
    "displaylogo": False,
    "showSendToCloud": False,
    "displayModeBar": "hover",
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d"],
    "toImageButtonOptions": {"format": "svg"},
}
"""What every page passes to plotly.js."""

SHARING = "sendChartToCloud"
"""The button that uploads a figure to plotly's company. It is left out of the template, so that a
figure has it nowhere, whatever configuration its page passes.
"""


_AXIS = {
    "gridcolor": GRID,
    "gridwidth": 1,
    "zeroline": False,
    "showline": True,
    "linecolor": BROKEN,
    "ticks": "outside",
    "ticklen": 4,
    "tickcolor": BROKEN,
    "tickfont": {"color": MUTED, "size": 12},
    "title": {"font": {"color": INK, "size": 13}, "standoff": 10},
    "automargin": True,
}
_LEGEND = {
    "orientation": "h",
    # At the figure's lower edge, however many lines it takes.
    "yref": "container",
    "yanchor": "bottom",
    "y": 0,
    "xanchor": "left",
    "x": 0,
    "font": {"size": 12},
    "itemsizing": "constant",
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "colorway": [MEMBER, REFERENCE, OUTSIDE, FEASIBLE, MUTED],
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "margin": {"l": 64, "r": 36, "t": 30, "b": 52},
        "hoverlabel": {
            "bgcolor": PAPER,
            "bordercolor": BROKEN,
            "font": {"family": FONT, "size": 12, "color": INK},
            "align": "left",
        },
        "legend": _LEGEND,
        "hovermode": "closest",
        "bargap": 0.35,
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": BROKEN,
            "activecolor": INK,
            "orientation": "v",
            "remove": [SHARING],
        },
    }
)


def empty(words: str) -> go.Figure:
    """Return a figure that says why there is nothing to see yet.

    Its words fold for the narrowest page, and no button covers them: there is nothing to zoom.
    """
    figure = go.Figure(layout={"template": TEMPLATE, "height": EMPTY_HEIGHT})
    figure.update_layout(
        margin={"l": 8, "r": 8, "t": 8, "b": 8}, modebar_remove=[SHARING, *_BUTTONS]
    )
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(words, _EMPTY_WIDTH)),
        showarrow=False,
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        font_color=MUTED,
    )
    return figure


def darkened(figure: go.Figure) -> go.Figure:
    """Return the figure in the colours for a dark page."""
    text = figure.to_json()
    for light, dark in DARK.items():
        text = text.replace(light, dark)
    return go.Figure(json.loads(text))
