"""What single choices damage: a map for each technique, sites over choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.sensitivity import Sensitivity

_ROW_HEIGHT = 22
_MARGINS = 110
_SCALE = [[0.0, style.MEMBER_SIDE], [0.5, style.FEASIBLE], [1.0, style.REFERENCE]]


@dataclass(frozen=True, slots=True)
class TechniqueMap:
    """Damages of one technique.

    Attributes:
        sites: In the space's order.
        choices: As written in a study, mildest first.
        losses: By (site, choice), by how much the loss is larger; absent where there is none.
        errors: Their standard errors.
    """

    sites: tuple[str, ...]
    choices: tuple[str, ...]
    losses: Mapping[tuple[str, str], float]
    errors: Mapping[tuple[str, str], float]


def sensitivity_map(found: Sensitivity) -> dict[str, TechniqueMap]:
    """Return the damages by technique."""
    cells: dict[str, dict[tuple[str, str], tuple[float, float]]] = {}
    for each in found.effects:
        site, _, technique = each.hparam.rpartition(".")
        where = (site, wording.choice(each.choice))
        cells.setdefault(technique, {})[where] = (each.damage.loss, each.damage.stderr)
    return {
        technique: TechniqueMap(
            sites=tuple(dict.fromkeys(site for site, _ in known)),
            choices=tuple(dict.fromkeys(choice for _, choice in known)),
            losses={where: loss for where, (loss, _) in known.items()},
            errors={where: error for where, (_, error) in known.items()},
        )
        for technique, known in cells.items()
    }


def draw_sensitivity(maps: Mapping[str, TechniqueMap]) -> go.Figure:
    """Draw the maps side by side on one scale of colours."""
    if not maps:
        return style.empty("Nothing was measured.")
    widths = [len(each.choices) + 1 for each in maps.values()]
    figure = make_subplots(
        rows=1,
        cols=len(maps),
        column_widths=[width / sum(widths) for width in widths],
        subplot_titles=[technique.replace("_", " ") for technique in maps],
        horizontal_spacing=0.12,
    )
    rows = max(len(each.sites) for each in maps.values())
    figure.update_layout(
        template=style.TEMPLATE,
        height=_ROW_HEIGHT * rows + _MARGINS,
        coloraxis=_colours(max(max(each.losses.values()) for each in maps.values())),
    )
    for column, each in enumerate(maps.values(), start=1):
        where = [[(site, choice) for choice in each.choices] for site in each.sites]
        figure.add_heatmap(
            x=list(each.choices),
            y=list(each.sites),
            z=[[_shade(each.losses.get(cell)) for cell in row] for row in where],
            text=[[_text(each.losses.get(cell)) for cell in row] for row in where],
            customdata=[[each.errors.get(cell) for cell in row] for row in where],
            texttemplate="%{text}",
            hovertemplate="%{y}, %{x}<br>loss worse by %{text} ±%{customdata:.4f}<extra></extra>",
            coloraxis="coloraxis",
            xgap=2,
            ygap=2,
            row=1,
            col=column,
        )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, ticks="")
    return figure


def _colours(largest: float) -> dict[str, Any]:
    """Return the scale of colours from nothing to the largest damage."""
    largest = max(largest, 1e-6)
    ticks = [largest * share for share in (0, 0.04, 0.16, 0.36, 0.64, 1)]
    return {
        "colorscale": _SCALE,
        "cmin": 0,
        "cmax": _shade(largest),
        "colorbar": {
            "title": "loss worse by",
            "thickness": 12,
            "tickvals": [_shade(tick) for tick in ticks],
            "ticktext": [f"{tick:.2g}" for tick in ticks],
        },
    }


def _shade(loss: float | None) -> float | None:
    """Return the place on the scale of colours: by the root, as a few sites outweigh all others."""
    return None if loss is None else math.sqrt(max(loss, 0.0))


def _text(loss: float | None) -> str:
    return "" if loss is None else wording.signed(loss, 4)
