"""What became of the trials, and which limits stood in their way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import plotly.graph_objects as go

from tightfit import Outcome
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.results import Results

_ROW_HEIGHT = 38
_MARGINS = 130
FAILED = "failed"
STOPPED = "stopped early, behind others at a rung"
FEASIBLE = "keeps all limits"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A limit and how many trials it stopped.

    Attributes:
        name: The limit as people say it, ``failed``, ``stopped early``, or ``keeps all limits``.
        early: Trials that it screened out before they were trained.
        late: Trials that were evaluated through every stage, and broke it (or failed, or kept all).
    """

    name: str
    early: int
    late: int


def obstacles(results: Results) -> tuple[Obstacle, ...]:
    """Return the limits in the study's order, then failures and the feasible.

    A trained trial that breaks several limits is counted at each of them.
    """
    early: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for record in results.records:
        if record.outcome is Outcome.SCREENED:
            early[record.reason] += 1
        elif record.outcome is Outcome.FAILED:
            late[FAILED] += 1
        elif record.outcome is Outcome.STOPPED:
            late[STOPPED] += 1
        elif record.feasible:
            late[FEASIBLE] += 1
        else:
            late.update(name for name, excess in record.violations.items() if excess > 0)
    found = [
        Obstacle(
            wording.limit(each, results.metrics[each.metric]), early[str(each)], late[str(each)]
        )
        for each in results.constraints
    ]
    found += [Obstacle(name, 0, late[name]) for name in (FAILED, STOPPED) if late[name]]
    found.append(Obstacle(FEASIBLE, 0, late[FEASIBLE]))
    return tuple(found)


def draw_obstacles(found: tuple[Obstacle, ...]) -> go.Figure:
    """Draw a bar for each limit: screened out before training, and broken after it."""
    if not any(each.early or each.late for each in found):
        return style.empty("No trial is finished yet.")
    names = [each.name for each in found]
    figure = go.Figure(layout={"template": style.TEMPLATE, "barmode": "stack"})
    figure.update_layout(height=_ROW_HEIGHT * len(found) + _MARGINS, legend_traceorder="normal")
    figure.add_bar(
        y=names,
        x=[each.early for each in found],
        orientation="h",
        name="screened out before training",
        marker={"color": style.BROKEN},
        text=[str(each.early or "") for each in found],
        hovertemplate="%{y}: %{x} screened out<extra></extra>",
    )
    figure.add_bar(
        y=names,
        x=[each.late for each in found],
        orientation="h",
        name="after training",
        marker={
            "color": [style.MEMBER if each.name == FEASIBLE else style.REFERENCE for each in found]
        },
        text=[str(each.late or "") for each in found],
        hovertemplate="%{y}: %{x} after training<extra></extra>",
        showlegend=any(each.late and each.name != FEASIBLE for each in found),
    )
    figure.update_traces(textposition="inside", insidetextanchor="middle", textangle=0)
    figure.update_xaxes(title_text="trials", rangemode="tozero")
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", title_text=None)
    return figure
