"""The axes on which two metrics of every network are drawn, and the limits that lie on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from tightfit import Metric
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.axes import near, reach, view, wants_log
from tightfit.studies.figures.cloud import Bound, Cloud
from tightfit.studies.standing import Place

_BASELINE_WIDTHS = 2.0
"""The baseline is seen when it is this near to the rest."""
_LABEL_SHARE = 0.4
"""How much of a narrow figure's width a label at its edge may take."""


@dataclass(frozen=True, slots=True)
class Axis:
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
        if not self.log:
            return value
        return math.log10(value) if value > 0 else -math.inf

    def share(self, value: float) -> float:
        """Return where a data value lies in ``view``, 0 to 1 from its beginning to its end."""
        low, high = self.view
        return (self.place(value) - low) / (high - low)


def axes_of(cloud: Cloud) -> tuple[Axis, Axis]:
    """Return both axes, chosen so that what matters fills the figure."""
    return _axis("x", cloud.x, cloud), _axis("y", cloud.y, cloud)


def _axis(letter: str, metric: Metric, cloud: Cloud) -> Axis:
    whole = cloud.whole
    shown = [p for p in whole if p.place in (Place.MEMBER, Place.FEASIBLE)] or [*whole]
    baseline = [] if cloud.baseline is None else [cloud.baseline.at(letter) or 0.0]
    bounds = [bound.at for bound in cloud.bounds if bound.axis == letter]
    values = [value for point in whole if (value := point.at(letter)) is not None]
    focus = [point.at(letter) or 0.0 for point in shown] or [*baseline]
    focus += bounds
    log = wants_log(focus)
    focus += [each for each in baseline if near(each, focus, log=log, widths=_BASELINE_WIDTHS)]
    # Bars are seen whole, but they decide nothing.
    focus += [end for point in shown for end in point.ends(letter)]
    everything = [*values, *baseline]
    seen = view(focus, everything, log=log)
    return Axis(letter, metric, log, seen, reach([*everything, *bounds], seen, log=log))


def set_axes(figure: go.Figure, x: Axis, y: Axis) -> None:
    """Give a figure its axes."""
    for axis in (x, y):
        update = figure.update_xaxes if axis.letter == "x" else figure.update_yaxes
        update(
            title_text=wording.axis_title(axis.metric),
            type="log" if axis.log else "linear",
            range=axis.view,
            dtick="D2" if axis.log else None,
        )
    # The marks of networks without one reading stand on the other's axis, wherever it is moved to.
    edge = {"range": [0, 1], "visible": False, "fixedrange": True}
    figure.update_layout(xaxis2={"overlaying": "x", **edge}, yaxis2={"overlaying": "y", **edge})


def right_edge(cloud: Cloud, x: Axis) -> dict[str, Any]:
    """Return where a label at the right edge ends: before the line of a limit that is near it."""
    lines = [x.share(bound.at) for bound in cloud.bounds if bound.axis == "x"]
    crossing = [share for share in lines if 1 - _LABEL_SHARE < share <= 1]
    low, high = x.view
    if not crossing:
        return {"x": 1, "xref": "paper", "xanchor": "right", "xshift": -3}
    at = low + min(crossing) * (high - low)
    return {"x": at, "xref": "x", "xanchor": "right", "xshift": -6}


def draw_bound(figure: go.Figure, cloud: Cloud, bound: Bound, x: Axis, y: Axis) -> None:
    """Draw a limit as a line with its words, and what breaks it shaded."""
    axis = x if bound.axis == "x" else y
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
            y=place,
            yanchor="bottom" if bound.above else "top",
            **right_edge(cloud, x),
            **label,
        )
