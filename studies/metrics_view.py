"""Every metric in a terminal: what it is below its name, so that no width cuts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

_BESIDE = ("name", "unit", "direction", "stage", "kind")
_GAP, _INDENT = "  ", 4


def metrics_view(rows: Sequence[Mapping[str, str]]) -> Group:
    """Return a line for each metric, and its summary below it.

    Args:
        rows: Of metrics, with ``name``, ``unit``, ``direction``, ``stage``, ``kind``, ``summary``.
    """
    widths = [max(len(row[each]) for row in (*rows, _heading())) for each in _BESIDE]
    lines: list[RenderableType] = [Text(_line(_heading(), widths), "bold")]
    for row in rows:
        lines += [
            Text(_line(row, widths)),
            Padding(Text(row["summary"], "dim"), (0, 0, 0, _INDENT)),
        ]
    return Group(*lines)


def _heading() -> dict[str, str]:
    return {each: each for each in _BESIDE}


def _line(row: Mapping[str, str], widths: Sequence[int]) -> str:
    cells = (row[each].ljust(width) for each, width in zip(_BESIDE, widths, strict=True))
    return _GAP.join(cells).rstrip()
