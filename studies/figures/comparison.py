"""Samplers side by side: how far each came training by training, beside what plain ways reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tightfit.search import Band
from tightfit.studies.comparing import Comparison, Way
from tightfit.studies.figures import style

_HUES = (style.MEMBER, style.REFERENCE, style.OUTSIDE, style.FEASIBLE, style.MUTED, style.LIMIT)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_PLAIN_DASH = "4px,3px"
_HEIGHT = 460
_LINE = 14
_SHADE = 0.14


@dataclass(frozen=True, slots=True)
class Level:
    """What a plain way reaches, whatever the number of trainings: a horizontal line.

    Attributes:
        name: For people.
        share: Of the best known hypervolume.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class ComparisonLines:
    """The lines of the picture.

    Attributes:
        bands: One a sampler.
        levels: Plain ways, the best first; those that reach nothing lie at 0, and their names say
            why.
        seeds: Searches of each sampler.
    """

    bands: tuple[Band, ...]
    levels: tuple[Level, ...]
    seeds: int


def comparison_lines(found: Comparison) -> ComparisonLines:
    """Return what is drawn of a comparison."""
    levels = [Level(_name(way), way.share) for way in found.ways]
    return ComparisonLines(
        bands=found.bands,
        levels=tuple(sorted(levels, key=lambda level: -level.share)),
        seeds=len(found.curves) // len(found.bands),
    )


def _name(way: Way) -> str:
    if way.share > 0:
        return way.name
    feasible = any(each.feasible for each in way.records)
    return f"{way.name} ({'reaches nothing of worth' if feasible else 'breaks a limit'})"


def draw_comparison(lines: ComparisonLines) -> go.Figure:
    """Draw the mean of each sampler over its trainings, and its seeds' range as a band."""
    figure = go.Figure(layout={"template": style.TEMPLATE, "height": _HEIGHT})
    for position, band in enumerate(lines.bands):
        _add_band(figure, band, hue=_HUES[position % len(_HUES)], dash=_DASHES[position % 6])
    last = max([1, *(len(band.mean) for band in lines.bands)])
    for position, level in enumerate(lines.levels):
        # Names of levels of the same height stand one above the other.
        below = sum(other.share == level.share for other in lines.levels[:position])
        figure.add_scatter(
            x=[1, last],
            y=[100 * level.share] * 2,
            mode="lines",
            name=level.name,
            line={"color": style.BROKEN, "width": 1, "dash": _PLAIN_DASH},
            hovertemplate=f"{level.name}: %{{y:.1f}} %<extra></extra>",
        )
        figure.add_annotation(
            x=1, y=100 * level.share, text=level.name, showarrow=False, xanchor="left",
            yanchor="bottom", yshift=_LINE * below, font={"size": 11, "color": style.MUTED},
        )  # fmt: skip
    words = f"range of {lines.seeds} seeds, and mean" if lines.seeds > 1 else "one seed"
    figure.update_xaxes(title_text=f"trainings ({words})", rangemode="tozero")
    figure.update_yaxes(title_text="hypervolume (% of the best known)", range=[0, 106])
    return figure


def _add_band(figure: go.Figure, band: Band, *, hue: str, dash: str) -> None:
    trainings: Sequence[int] = range(1, len(band.mean) + 1)
    figure.add_scatter(
        x=[*trainings, *reversed(trainings)],
        y=[*(100 * band.high).tolist(), *reversed((100 * band.low).tolist())],
        fill="toself",
        fillcolor=hue,
        opacity=_SHADE,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=[*trainings],
        y=(100 * band.mean).tolist(),
        mode="lines",
        name=band.sampler,
        line={"color": hue, "width": 2, "dash": dash},
        hovertemplate=f"{band.sampler}, %{{x}} trainings: %{{y:.1f}} %<extra></extra>",
    )
