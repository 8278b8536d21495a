"""Backbones side by side in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from tightfit.objectives.metrics import METRICS
from tightfit.studies import wording
from tightfit.studies.backbones import COLUMNS, Backbone


def backbones_table(found: Sequence[Backbone], *, limited: bool) -> Table:
    """Return networks side by side, with a verdict where there are limits."""
    known = {metric.name: metric for metric in METRICS}
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("network")
    for heading in ("ImageNet (published)", *COLUMNS, "% per M params"):
        table.add_column(heading, justify="right")
    table.add_column("limits" if limited else "")
    for each in found:
        accuracy, density = each.published_accuracy, each.accuracy_density
        table.add_row(
            each.name,
            "–" if accuracy is None else f"{100 * accuracy:.1f} %",
            *(
                wording.quantity(known[name], each.readings.value(name))
                if name in each.readings
                else "–"
                for name in COLUMNS
            ),
            "–" if density is None else f"{density:.3g}",
            ": ".join(filter(None, (each.verdict, each.reason))),
        )
    return table
