"""One candidate layer by layer: what is kept of every site, in how many bits, at which rank."""

from __future__ import annotations

from dataclasses import dataclass, replace

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from tightfit import FLOAT_BITS, Choice, SearchSpace
from tightfit.candidate import Candidate
from tightfit.studies import wording
from tightfit.studies.figures import style

_PRUNING, _BITS, _RANK, _DEPTH = "pruning_ratio", "bits", "rank", "depth"
_ACTIVATIONS = "activation_bits"
_ROW_HEIGHT = 24
_MARGINS = 110


@dataclass(frozen=True, slots=True)
class SiteChoice:
    """What was chosen for one layer, or for a group of layers that share their choice.

    ``None`` where the technique does not apply to the site; a rank that is not taken is 1.

    Attributes:
        site: Path of the layer, or name of the group.
        width: Share of the channels that are kept.
        bits: Of each weight; 32 is not quantized.
        rank: Share of the full rank that is kept.
        weights_only: Whether activations stay floats where weights are not.
    """

    site: str
    width: float | None
    bits: int | None
    rank: float | None
    weights_only: bool = False

    @property
    def bits_text(self) -> str:
        """The bits in words; empty where they are no choice."""
        if self.bits is None:
            return ""
        if self.bits == FLOAT_BITS:
            return "float"
        return f"{self.bits}, weights only" if self.weights_only else str(self.bits)


@dataclass(frozen=True, slots=True)
class Layers:
    """A candidate taken apart.

    Attributes:
        sites: In the space's order, those of dropped blocks left out.
        settings: Every other hparam: training, distillation, input size, blocks that are dropped.
    """

    sites: tuple[SiteChoice, ...]
    settings: tuple[tuple[str, str], ...]


def layers(space: SearchSpace, candidate: Candidate) -> Layers:
    """Return a candidate's choices by site."""
    by_technique: dict[str, dict[str, Choice]] = {each: {} for each in (_PRUNING, _BITS, _RANK)}
    settings = []
    weights_only = set()
    for name, value in space.active_choices(candidate).items():
        site, _, technique = name.rpartition(".")
        whole = space.hparams[space.column(name)].choices[0]
        if technique in by_technique:
            by_technique[technique][site] = value
        elif technique == _ACTIVATIONS:
            weights_only |= {site} if value is None else set()
        elif technique != _DEPTH or value != whole:
            settings.append((name, wording.choice(value)))
    # The technique with most sites goes through the network layer by layer; the others, whose
    # sites stand for several layers, find their places among them.
    longest_first = sorted(by_technique.values(), key=len, reverse=True)
    order = dict.fromkeys(site for sites in longest_first for site in sites)
    sites = [
        replace(_site(site, by_technique), weights_only=site in weights_only) for site in order
    ]
    return Layers(tuple(sites), tuple(settings))


def draw_layers(found: Layers) -> go.Figure:
    """Draw a bar for every site and technique, side by side."""
    widths = [_percent(each.width) for each in found.sites]
    bits = [_float(each.bits) for each in found.sites]
    ranks = [_percent(each.rank) for each in found.sites]
    columns: list[tuple[str, list[float | None], float, list[str]]] = [
        ("width kept (%)", widths, 100.0, list(map(_share_text, widths))),
        ("bits", bits, float(FLOAT_BITS), [each.bits_text for each in found.sites]),
        ("rank kept (%)", ranks, 100.0, list(map(_share_text, ranks))),
    ]
    columns = [column for column in columns if any(value is not None for value in column[1])]
    if not columns:
        return style.empty("Nothing is chosen layer by layer.")
    sites = [each.site for each in found.sites]
    figure = make_subplots(rows=1, cols=len(columns), shared_yaxes=True, horizontal_spacing=0.07)
    figure.update_layout(
        template=style.TEMPLATE,
        height=_ROW_HEIGHT * len(sites) + _MARGINS,
        showlegend=False,
        bargap=0.25,
    )
    for position, (title, values, full, texts) in enumerate(columns, start=1):
        colour = (style.MEMBER, style.REFERENCE, style.OUTSIDE)[position - 1]
        where = {"row": 1, "col": position}
        figure.add_bar(
            y=sites,
            x=[value or 0 for value in values],
            orientation="h",
            marker={"color": colour},
            text=texts,
            textposition="auto",
            textangle=0,
            textfont={"size": 11},
            constraintext="none",
            insidetextanchor="end",
            hovertemplate="%{y}: " + title + " %{text}<extra></extra>",
            **where,
        )
        figure.update_xaxes(
            title_text=title, range=[0, full * 1.02], tickvals=_ticks(full), **where
        )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category")
    return figure


def _site(name: str, chosen: dict[str, dict[str, Choice]]) -> SiteChoice:
    pruning, bits, rank = chosen[_PRUNING], chosen[_BITS], chosen[_RANK]
    return SiteChoice(
        site=name or "network",
        width=1 - _number(pruning[name], 0.0) if name in pruning else None,
        bits=int(_number(bits[name], FLOAT_BITS)) if name in bits else None,
        rank=_number(rank[name], 1.0) if name in rank else None,
    )


def _number(value: Choice, otherwise: float) -> float:
    """Return a choice as a number; ``none`` is the technique's doing nothing."""
    return float(value) if isinstance(value, int | float) else otherwise


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _share_text(value: float | None) -> str:
    if value is None:
        return ""
    return "full" if value == 100 else f"{value:.3g}"


def _ticks(full: float) -> list[float]:
    return [0, 8, 16, 32] if full == FLOAT_BITS else [0, 50, 100]
