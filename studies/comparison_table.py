"""Samplers side by side in a terminal: after so many trainings, and after so much time."""

from __future__ import annotations

from statistics import median

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit.search import REACHED, Curve, by_sampler
from tightfit.studies import wording
from tightfit.studies.comparing import Comparison

_PARTS = (0.25, 0.5, 1.0)


def comparison_table(found: Comparison) -> RenderableType:
    """Return a table by trainings, one by wall time, and one of what plain ways reach."""
    tables = (_by_trainings(found), Text(), _by_time(found), Text(), _plain(found))
    return Group(*tables, *([Text(), Text(_nothing(found), "yellow")] if found.empty else []))


def _nothing(found: Comparison) -> str:
    corner = [
        f"{each.metric} {wording.quantity(found.metrics[each.metric], value)}"
        for each, value in zip(found.objectives, found.corner, strict=True)
    ]
    return (
        "No search found a feasible candidate that is better than the reference point "
        f"({', '.join(corner)}): all shares are 0; allow more trials or wider limits"
    )


def _by_trainings(found: Comparison) -> Table:
    counts = sorted({max(1, round(part * found.trials)) for part in _PARTS})
    table = _table(
        "Hypervolume in % of the best known: mean over the seeds (worst to best)",
        "sampler",
        *(f"{count} trained" for count in counts),
        f"to {REACHED:.0%}",
    )
    for sampler, curves in by_sampler(found.curves).items():
        shares = [[_after(each, count) for each in curves] for count in counts]
        table.add_row(sampler, *map(_spread, shares), _arrival(curves))
    return table


def _by_time(found: Comparison) -> Table:
    times = [part * found.seconds for part in _PARTS]
    table = _table(
        "The same after equal wall time, up to the end of the fastest search",
        "sampler",
        *(f"{seconds:,.0f} s" for seconds in times),
    )
    for sampler, curves in by_sampler(found.curves).items():
        shares = [[each.at(seconds) for each in curves] for seconds in times]
        table.add_row(sampler, *map(_spread, shares))
    return table


def _plain(found: Comparison) -> Table:
    table = _table("What plain ways reach by themselves", "way", "networks", "hypervolume")
    for way in found.ways:
        share = (
            f"{100 * way.share:.1f} %"
            if any(each.feasible for each in way.records)
            else "breaks a limit"
        )
        table.add_row(way.name, str(len(way.records)), share)
    return table


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="bold", title=title, title_justify="left")
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _after(curve: Curve, trainings: int) -> float:
    """Return the share after so many trainings; after its last one where it had fewer."""
    return float(curve.shares[min(trainings, len(curve.shares)) - 1]) if len(curve.shares) else 0.0


def _spread(shares: list[float]) -> str:
    mean = sum(shares) / len(shares)
    return f"{100 * mean:.1f} ({100 * min(shares):.0f} to {100 * max(shares):.0f})"


def _arrival(curves: tuple[Curve, ...]) -> str:
    """Return the median number of trainings, where more than half of the seeds arrived."""
    arrivals = [each.arrival() for each in curves]
    known = [each for each in arrivals if each is not None]
    count = f"({len(known)} of {len(curves)})"
    if 2 * len(known) <= len(curves):
        return count
    return f"{median(each or float('inf') for each in arrivals):.0f} {count}"
