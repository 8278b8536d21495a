"""How far the front has come, trial by trial."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from tightfit.search.hypervolume import hypervolume_history
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.numbers import scaled
from tightfit.studies.results import Results


@dataclass(frozen=True, slots=True)
class HypervolumeHistory:
    """The hypervolume up to and with each trial.

    Attributes:
        values: As shares of the last one, ``[trials]``; all zero while nothing is feasible.
        final: The last one, in the product of the units in which people see the objectives.
        unit: The objectives with those units, as a product.
        reference: The reference point in words, an objective each.
    """

    values: tuple[float, ...]
    final: float
    unit: str
    reference: tuple[str, ...]


def hypervolume_over_trials(results: Results) -> HypervolumeHistory:
    """Return the hypervolume over trials; reference candidates are among them."""
    history = hypervolume_history(
        results.records, results.objectives, np.array(results.reference_point)
    )
    final = float(history[-1]) if len(history) else 0.0
    metrics = [results.metrics[each.metric] for each in results.objectives]
    seen = math.prod(wording.shown(metric, 1.0) for metric in metrics)
    return HypervolumeHistory(
        values=tuple((history / final if final else history).tolist()),
        final=final * seen,
        unit=" × ".join(wording.axis_title(each) for each in metrics),
        reference=tuple(
            f"{wording.title(metric)} {wording.quantity(metric, value)}"
            for metric, value in zip(metrics, results.reference_point, strict=True)
        ),
    )


def draw_hypervolume(history: HypervolumeHistory) -> go.Figure:
    """Draw the hypervolume as steps."""
    if not history.final:
        return style.empty("No trial is feasible and better than the reference point yet.")
    figure = go.Figure(layout={"template": style.TEMPLATE, "uirevision": "hypervolume"})
    figure.add_scatter(
        x=[*range(len(history.values))],
        y=[100 * value for value in history.values],
        mode="lines",
        line={"shape": "hv", "color": style.MEMBER, "width": 2},
        fill="tozeroy",
        fillcolor=style.MEMBER_SIDE,
        hovertemplate="trial %{x}: %{y:.1f} %<extra></extra>",
    )
    figure.update_xaxes(title_text="trial", rangemode="tozero")
    figure.update_yaxes(title_text="hypervolume (% of the last)", range=[0, 106])
    return figure


def hypervolume_caption(history: HypervolumeHistory) -> str:
    """Return what stands under the figure."""
    corner = wording.listed([*history.reference])
    if not history.final:
        return f"Reference point: {corner}."
    return f"100 % is {scaled(history.final)} {history.unit}. Reference point: {corner}."
