"""Backbones side by side in a terminal, names and numbers whole at any usual width."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit.objectives.metrics import METRICS
from tightfit.studies import wording
from tightfit.studies.backbones import COLUMNS, COMPRESSED, Backbone
from tightfit.studies.first_fit import FirstFit

_NOTHING = "–"


def backbones_table(found: Sequence[Backbone], *, limited: bool) -> FirstFit:
    """Return networks side by side, with a verdict where there are limits.

    Where the terminal is too narrow, verdicts stand below the table, and then it does without
    accuracy for each million parameters.
    """
    verdicts = _verdicts(found)
    narrower: list[RenderableType] = [
        Group(_table(found, gap=gap, density=density), *verdicts)
        for gap, density in ((2, True), (1, True), (1, False))
    ]
    return FirstFit((_table(found, gap=2, density=True, last=_heading(limited)), *narrower))


def _heading(limited: bool) -> str:
    return "limits" if limited else ""


def _table(found: Sequence[Backbone], *, gap: int, density: bool, last: str | None = None) -> Table:
    """Return the table, with verdicts in a last column where that has a heading."""
    table = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("network", no_wrap=True)
    headings = ["ImageNet\n(published)", *COLUMNS, *(["% per M\nparams"] if density else [])]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last)
    for each in found:
        cells = [each.name, *_numbers(each)]
        if density:
            per_million = each.accuracy_density
            cells.append(_NOTHING if per_million is None else f"{per_million:.3g}")
        table.add_row(*cells, *([_verdict(each)] if last is not None else []))
    return table


def _numbers(backbone: Backbone) -> list[str]:
    known = {metric.name: metric for metric in METRICS}
    accuracy = backbone.published_accuracy
    costs = (
        wording.quantity(known[name], backbone.readings.value(name))
        if name in backbone.readings
        else _NOTHING
        for name in COLUMNS
    )
    return [_NOTHING if accuracy is None else f"{100 * accuracy:.1f} %", *costs]


def _verdicts(found: Sequence[Backbone]) -> list[RenderableType]:
    told = [(each.name, _verdict(each)) for each in found if _verdict(each)]
    if not told:
        return []
    lines = Table.grid(padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for name, verdict in told:
        lines.add_row(Text(name), Text(verdict))
    return [Text(""), lines]


def _verdict(backbone: Backbone) -> str:
    if backbone.verdict == COMPRESSED:
        return f"only compressed: now {backbone.reason}"
    return ": ".join(filter(None, (backbone.verdict, backbone.reason)))
