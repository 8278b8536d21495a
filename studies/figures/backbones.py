"""Accuracy over multiply-accumulates, a ball for each network as large as its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tightfit.studies.backbones import FITS, Backbone
from tightfit.studies.figures import style

LARGEST_BALL = 60


@dataclass(frozen=True, slots=True)
class Ball:
    """One network of the picture.

    Attributes:
        name: In torchvision.
        gmacs: Billions of multiply-accumulates for one picture.
        accuracy: Published, in percent.
        million_params: Parameters, in millions.
        latency_ms: Measured here.
        fits: Whether it keeps the limits as it is.
    """

    name: str
    gmacs: float
    accuracy: float
    million_params: float
    latency_ms: float
    fits: bool


def balls(backbones: Sequence[Backbone]) -> tuple[Ball, ...]:
    """Return the networks that can be drawn, large ones first so that small ones lie on top."""
    found = [
        Ball(
            name=each.name,
            gmacs=each.readings.value("macs") / 1e9,
            accuracy=100 * each.published_accuracy,
            million_params=each.readings.value("params") / 1e6,
            latency_ms=each.readings.value("latency_ms"),
            fits=each.verdict in ("", FITS),
        )
        for each in backbones
        if each.published_accuracy is not None and "latency_ms" in each.readings
    ]
    return tuple(sorted(found, key=lambda ball: -ball.million_params))


def draw_backbones(drawn: Sequence[Ball]) -> go.Figure:
    """Draw the balls."""
    if not drawn:
        return style.empty("No network was measured.")
    largest = max(ball.million_params for ball in drawn)
    figure = go.Figure(layout={"template": style.TEMPLATE, "height": 560})
    figure.add_scatter(
        x=[ball.gmacs for ball in drawn],
        y=[ball.accuracy for ball in drawn],
        mode="markers+text",
        text=[ball.name for ball in drawn],
        textposition="top center",
        customdata=[(ball.million_params, ball.latency_ms) for ball in drawn],
        hovertemplate=(
            "%{text}<br>%{y:.1f} % on ImageNet (published)<br>%{x:.3g} G MACs<br>"
            "%{customdata[0]:.3g} M parameters<br>%{customdata[1]:.3g} ms here<extra></extra>"
        ),
        marker={
            "size": [ball.million_params for ball in drawn],
            "sizemode": "area",
            "sizeref": largest / LARGEST_BALL**2 * 2,
            "sizemin": 4,
            "opacity": 0.6,
            "color": [style.MEMBER if ball.fits else style.BROKEN for ball in drawn],
        },
    )
    figure.update_xaxes(title="multiply-accumulates (G)", type="log")
    figure.update_yaxes(title="accuracy on ImageNet (%), published")
    return figure
