"""The front as a still picture: SVG that any page or Markdown shows, drawn without a browser.

It is the figure of the report in its light colours, from the same values; what only a pointer could
tell is left out.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tightfit import Metric
from tightfit.studies import wording
from tightfit.studies.figures import style
from tightfit.studies.figures.axes import near, view, wants_log
from tightfit.studies.figures.cloud import Bound, Cloud, Point, front
from tightfit.studies.figures.numbers import tick_texts
from tightfit.studies.results import Results
from tightfit.studies.standing import Place

WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 26, 84
_TICKS = 6
_BASELINE_WIDTHS = 2.0
_LEGEND = (
    ("member", "on the front"),
    ("feasible", "keeps all limits"),
    ("infeasible", "breaks a limit"),
    ("reference", "reference"),
    ("broken reference", "reference that breaks a limit"),
    ("baseline", "baseline"),
    ("chosen", "this network"),
)
_LEGEND_ROWS = (31, 11)
"""How far above the lower edge."""
_MARK, _CHARACTER, _GAP = 13.0, 6.6, 26.0
"""Widths of a legend's mark, of a character in most fonts, and of what is between two entries."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a metric to pixels.

    Attributes:
        metric: Of the axis.
        log: Whether it is logarithmic.
        view: What is seen: data values, or powers of ten.
        pixels: Where the view begins and ends.
    """

    metric: Metric
    log: bool
    view: tuple[float, float]
    pixels: tuple[float, float]

    def place(self, value: float) -> float:
        """Return the pixel of a value; outside of the view it is outside of the pixels."""
        low, high = self.view
        at = math.log10(value) if self.log else value
        first, last = self.pixels
        return first + (at - low) / (high - low) * (last - first)

    def sees(self, value: float) -> bool:
        """Whether a value lies in the view."""
        if self.log and value <= 0:
            return False
        at = math.log10(value) if self.log else value
        return self.view[0] <= at <= self.view[1]

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values in the view, and what stands at them."""
        values = self._round_values()
        counts = not wording.unit(self.metric)
        return [*zip(values, tick_texts(values, log=self.log, counts=counts), strict=True)]

    def _round_values(self) -> list[float]:
        low, high = self.view
        if self.log:
            decades = range(math.floor(low), math.ceil(high) + 1)
            values = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
            return [value for value in values if self.sees(value)]
        rough = (high - low) / _TICKS
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        return [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def front_picture(results: Results, chosen: str | None) -> str:
    """Return the front of a run as SVG.

    Args:
        results: Of the run.
        chosen: Key of the network that is marked.
    """
    return draw_picture(front(results, chosen=chosen))


def draw_picture(cloud: Cloud) -> str:
    """Return two metrics of every network as SVG."""
    points = cloud.whole
    x = _scale("x", cloud, points, (_LEFT, WIDTH - _RIGHT))
    y = _scale("y", cloud, points, (HEIGHT - _BOTTOM, _TOP))
    seen = [p for p in points if x.sees(p.x or 0.0) and y.sees(p.y or 0.0)]
    parts = [
        *(_shade(bound, x, y) for bound in cloud.bounds),
        *_axes(x, y),
        *(_bound(bound, x, y) for bound in cloud.bounds),
        _front_line(cloud, x, y),
        *(
            _point(point, x, y)
            for point in sorted(seen, key=lambda each: each.place is Place.MEMBER)
        ),
        _baseline(cloud, x, y),
        *(_chosen(point, x, y) for point in seen if point.key == cloud.chosen),
        *_legend(),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="{html.escape(style.FONT)}" '
        f'font-size="12" fill="{style.INK}"><title>{html.escape(_title(cloud))}</title>'
        f'<rect width="100%" height="100%" fill="{style.PAPER}"/>'
        f'<clipPath id="plot"><rect x="{_LEFT}" y="{_TOP}" width="{WIDTH - _LEFT - _RIGHT}" '
        f'height="{HEIGHT - _TOP - _BOTTOM}"/></clipPath>{"".join(parts)}</svg>\n'
    )


def _title(cloud: Cloud) -> str:
    return f"{wording.title(cloud.y)} over {wording.title(cloud.x)} of every trained network"


def _scale(
    letter: str, cloud: Cloud, points: Sequence[Point], pixels: tuple[float, float]
) -> _Scale:
    def at(point: Point) -> float:
        return point.at(letter) or 0.0

    metric = cloud.x if letter == "x" else cloud.y
    baseline = [at(cloud.baseline)] if cloud.baseline is not None else []
    shown = [p for p in points if p.place in (Place.MEMBER, Place.FEASIBLE)] or [*points]
    focus = ([at(p) for p in shown] or baseline or [0.0, 1.0]) + [
        bound.at for bound in cloud.bounds if bound.axis == letter
    ]
    log = wants_log(focus)
    focus += [v for v in baseline if near(v, focus, log=log, widths=_BASELINE_WIDTHS)]
    if letter == "y":
        # Only these bars are drawn; they are seen whole, and decide nothing.
        focus += [end for point in shown for end in point.ends(letter)]
    seen = view(focus, [at(point) for point in points], log=log)
    return _Scale(metric, log, seen, pixels)


def _axes(x: _Scale, y: _Scale) -> Iterable[str]:
    bottom, left = y.pixels[0], x.pixels[0]
    for value, words in x.ticks():
        at = x.place(value)
        yield _line(at, bottom, at, y.pixels[1], style.GRID)
        yield _text(at, bottom + 17, words, "middle", style.MUTED)
    for value, words in y.ticks():
        at = y.place(value)
        yield _line(left, at, x.pixels[1], at, style.GRID)
        yield _text(left - 7, at + 4, words, "end", style.MUTED)
    yield _line(left, bottom, x.pixels[1], bottom, style.BROKEN)
    yield _line(left, bottom, left, y.pixels[1], style.BROKEN)
    middle = (x.pixels[0] + x.pixels[1]) / 2
    yield _text(middle, bottom + 36, wording.axis_title(x.metric), "middle", style.INK)
    up = (y.pixels[0] + y.pixels[1]) / 2
    yield (
        f'<text transform="translate(16 {up:.1f}) rotate(-90)" text-anchor="middle">'
        f"{html.escape(wording.axis_title(y.metric))}</text>"
    )


def _shade(bound: Bound, x: _Scale, y: _Scale) -> str:
    """Return the side of a limit on which it is broken, shaded."""
    scale = x if bound.axis == "x" else y
    first, last = scale.pixels
    at = min(max(scale.place(bound.at), min(first, last)), max(first, last))
    low, high = sorted((at, last if bound.above else first))
    left, right, top, bottom = x.pixels[0], x.pixels[1], y.pixels[1], y.pixels[0]
    if bound.axis == "x":
        left, right = low, high
    else:
        top, bottom = low, high
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" fill="{style.BROKEN_SIDE}"/>'
    )


def _bound(bound: Bound, x: _Scale, y: _Scale) -> str:
    scale = x if bound.axis == "x" else y
    if not scale.sees(bound.at):
        return ""
    at = scale.place(bound.at)
    if bound.axis == "x":
        anchor = "end" if bound.above else "start"
        label = _text(at, y.pixels[1] - 8, bound.text, anchor, style.LIMIT)
        return _line(at, y.pixels[0], at, y.pixels[1], style.LIMIT, dash="5 4") + label
    over = -6 if bound.above else 15
    label = _text(x.pixels[0] + 6, at + over, bound.text, "start", style.LIMIT)
    return _line(x.pixels[0], at, x.pixels[1], at, style.LIMIT, dash="5 4") + label


def _front_line(cloud: Cloud, x: _Scale, y: _Scale) -> str:
    if len(cloud.front) < 2:
        return ""
    places = " ".join(f"{x.place(a):.1f},{y.place(b):.1f}" for a, b in cloud.front)
    return (
        f'<polyline points="{places}" fill="none" stroke="{style.MEMBER}" stroke-width="1.5" '
        'clip-path="url(#plot)"/>'
    )


def _point(point: Point, x: _Scale, y: _Scale) -> str:
    across, up = x.place(point.x or 0.0), y.place(point.y or 0.0)
    bar = ""
    if point.place is Place.MEMBER and point.y_error:
        ends = [y.place((point.y or 0.0) + sign * point.y_error) for sign in (-1, 1)]
        bar = _line(across, ends[0], across, ends[1], style.FEASIBLE, clipped=True)
    return bar + _mark(_role(point), across, up)


def _role(point: Point) -> str:
    if point.reference:
        keeps = point.place in (Place.MEMBER, Place.FEASIBLE)
        return "reference" if keeps else "broken reference"
    roles = {Place.MEMBER: "member", Place.FEASIBLE: "feasible"}
    return roles.get(point.place or Place.INFEASIBLE, "infeasible")


def _baseline(cloud: Cloud, x: _Scale, y: _Scale) -> str:
    point = cloud.baseline
    if point is None or point.x is None or point.y is None or not y.sees(point.y):
        return ""
    up = y.place(point.y)
    if x.sees(point.x):
        return _mark("baseline", x.place(point.x), up)
    # Its height as a line, as it lies too far to the side.
    line = _line(x.pixels[0], up, x.pixels[1], up, style.MUTED, dash="2 3")
    value = wording.quantity(x.metric, point.x / wording.shown(x.metric, 1.0))
    return line + _text(x.pixels[0] + 6, up - 5, f"baseline at {value}", "start", style.MUTED)


def _chosen(point: Point, x: _Scale, y: _Scale) -> str:
    return _mark("chosen", x.place(point.x or 0.0), y.place(point.y or 0.0))


def _mark(role: str, x: float, y: float) -> str:
    """Return a mark; what differs in meaning differs in its shape."""
    if role == "member":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{style.MEMBER}"/>'
    if role in ("feasible", "chosen"):
        radius, colour = (4.0, style.FEASIBLE) if role == "feasible" else (9.0, style.INK)
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="none" stroke="{colour}" '
            'stroke-width="1.5"/>'
        )
    if role == "infeasible":
        stroke = f'stroke="{style.BROKEN}" stroke-width="1.5"'
        path = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6"
        return f'<path d="{path}" {stroke}/>'
    if role in ("reference", "broken reference"):
        fill = style.REFERENCE if role == "reference" else "none"
        return (
            f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{fill}" '
            f'stroke="{style.REFERENCE}" stroke-width="1.5"/>'
        )
    return f'<path d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z" fill="{style.INK}"/>'


def _legend() -> Iterable[str]:
    """Return the entries from left to right, each as wide as its words, in as many rows as fit."""
    at, rows = float(_LEFT), iter(_LEGEND_ROWS)
    up = HEIGHT - next(rows)
    for role, words in _LEGEND:
        width = _MARK + _CHARACTER * len(words)
        if at + width > WIDTH - _RIGHT:
            at, up = float(_LEFT), HEIGHT - next(rows)
        yield _mark(role, at + 4, up - 4)
        yield _text(at + 4 + _MARK, up, words, "start", style.INK)
        at += width + _GAP


def _line(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    colour: str,
    *,
    dash: str = "",
    clipped: bool = False,
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    clip = ' clip-path="url(#plot)"' if clipped else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
        f"{dashes}{clip}/>"
    )


def _text(x: float, y: float, words: str, anchor: str, colour: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{html.escape(words)}</text>"
    )
