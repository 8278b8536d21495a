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
_ROOM = 1.1
"""Of the axis beyond the longest bar, for its count."""
_OWN = {
    FAILED: ("failed", style.MUTED),
    STOPPED: ("stopped early", style.OUTSIDE),
    FEASIBLE: ("keeps all limits", style.MEMBER),
}
"""Rows that are no limit: their words in the legend, and their colour."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A limit and how many trials it stopped.

    Attributes:
        name: The limit as people say it, ``FAILED``, ``STOPPED`` or ``FEASIBLE``.
        early: Trials that it screened out before they were trained.
        late: Trials that went on to training, and broke it in the end (or failed, or were stopped,
            or kept all).
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
    """Draw a bar for each limit: screened out before training, and broken after it; and for others.

    What was not trained to the end has neither the colour nor the words of what was.
    """
    if not any(each.early or each.late for each in found):
        return style.empty("No trial is finished yet.")
    figure = go.Figure(layout={"template": style.TEMPLATE, "barmode": "stack"})
    figure.update_layout(height=_ROW_HEIGHT * len(found) + _MARGINS, legend_traceorder="normal")
    early = {each.name: each.early for each in found}
    late = {each.name: each.late for each in found}
    _draw_bars(figure, early, "screened out before training", style.BROKEN)
    broken = {name: n for name, n in late.items() if name not in _OWN}
    _draw_bars(figure, broken, "broken after training", style.REFERENCE)
    for name, (words, colour) in _OWN.items():
        _draw_bars(figure, {name: late.get(name, 0)}, words, colour)
    largest = _draw_counts(figure, found)
    figure.update_xaxes(title_text="trials", range=[0, _ROOM * largest])
    figure.update_yaxes(
        autorange="reversed",
        showgrid=False,
        ticks="",
        title_text=None,
        categoryorder="array",
        categoryarray=[each.name for each in found],
    )
    return figure


def _draw_bars(figure: go.Figure, trials: dict[str, int], words: str, colour: str) -> None:
    some = {name: n for name, n in trials.items() if n}
    if some:
        figure.add_bar(
            y=[*some],
            x=[*some.values()],
            orientation="h",
            name=words,
            marker={"color": colour},
            hovertemplate=f"%{{y}}: %{{x}} {words}<extra></extra>",
            showlegend=True,
        )


def _draw_counts(figure: go.Figure, found: tuple[Obstacle, ...]) -> int:
    """Write the counts beside the bars, as one in a narrow bar could not be read; return the most.

    A bar of both kinds has both: ``4 + 2``.
    """
    totals = [each.early + each.late for each in found]
    figure.add_scatter(
        y=[each.name for each in found],
        x=totals,
        mode="text",
        text=[
            " " + (" + ".join(str(n) for n in (each.early, each.late) if n) or "0")
            for each in found
        ],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
        showlegend=False,
    )
    return max(totals)
