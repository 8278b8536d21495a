"""Networks with their metrics in a terminal, whole at any width."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit.studies.cells import Cell
from tightfit.studies.first_fit import width_of

PICKED = "◆"
_LONGEST_WORD = 16
"""Columns that a name has at least, if a word of it is as long."""

Beside: TypeAlias = Callable[[Cell], str]


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric of all networks: its name, its limits as ``≤ 894 kB``, and a cell a network."""

    name: str
    unit: str
    bounds: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class NetworkLabel:
    """What a network is called, and whether a group of networks ends with it."""

    trial: str
    origin: str
    picks: tuple[str, ...]
    style: str
    ends: bool

    def name(self) -> Text:
        """Return who proposed it, and by which names it can be picked."""
        name = Text(self.origin, self.style)
        if self.picks:
            name.append(f" {PICKED}\u00a0{', '.join(self.picks)}", "green")
        return name


@dataclass(frozen=True, slots=True)
class NetworkTable:
    """A row a network, a column a metric.

    Where the terminal is too narrow it does without what each value is of the baseline, then
    without a part of the gaps; where that is not enough, each network has a line a metric.
    """

    labels: tuple[NetworkLabel, ...]
    columns: tuple[MetricColumn, ...]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Yield the first way of showing it that fits."""
        heading = f"by {PICKED} --pick"
        names = [heading, *(label.name().plain for label in self.labels)]
        longest = max(len(word) for name in names for word in name.split())
        least, most = min(longest, _LONGEST_WORD), max(map(len, names))
        for beside, gap in ((_share, 1), (_nothing, 1), (_nothing, 0)):
            narrow = self._table(heading, least, beside, gap)
            left = options.max_width - width_of(narrow, console, options)
            if left >= 0:
                yield self._table(heading, min(most, least + left), beside, gap)
                return
        yield self._lines(options.max_width)

    def _table(self, heading: str, names: int, beside: Beside, gap: int) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, gap, 0, 0), pad_edge=False)
        table.add_column("trial", justify="right", no_wrap=True)
        table.add_column(heading, overflow="fold", width=names)
        for column in self.columns:
            # Without shares nothing else tells the unit of a metric that has no limit.
            units = (column.unit,) if beside is _nothing and column.unit else ()
            lines = "".join(f"\n{each}" for each in column.bounds or units)
            title = Text.assemble((column.name, "bold"), (lines, "dim"))
            table.add_column(title, justify="right", no_wrap=True)
        texts = [_texts(column.cells, beside) for column in self.columns]
        for label, cells in zip(self.labels, zip(*texts, strict=True), strict=True):
            trial = Text(label.trial, label.style)
            table.add_row(trial, label.name(), *cells, end_section=label.ends)
        return table

    def _lines(self, width: int) -> Text:
        """Return a line a metric below the name of each network."""
        title = max(len(column.name) for column in self.columns)
        cells = [cell for column in self.columns for cell in column.cells]
        for beside in (_share, _unit):
            texts = _texts(cells, beside)
            if 2 + title + 1 + max(len(text) for text in texts) <= width:
                break
        lines = [Text("limits", "bold")] if any(column.bounds for column in self.columns) else []
        for column in self.columns:
            lines += [Text(f"  {column.name:<{title}} {each}") for each in column.bounds]
        count = len(self.labels)
        for place, label in enumerate(self.labels):
            name = label.name()
            lines.append(Text.assemble(f"{label.trial} ", name) if label.trial else name)
            for number, column in enumerate(self.columns):
                value = texts[number * count + place]
                lines.append(Text.assemble(f"  {column.name:<{title}} ", value))
        return Text("\n").join(lines)


def _texts(cells: Sequence[Cell], beside: Beside) -> list[Text]:
    """Return cells below each other, the parts of each aligned with those of the others."""
    value = max(len(cell.mark + cell.value) for cell in cells)
    spread = max(len(cell.spread) for cell in cells)
    other = max(len(beside(cell)) for cell in cells)
    texts = []
    for cell in cells:
        style = "red" if cell.broken else "yellow" if cell.noisy else ""
        text = Text.assemble(((cell.mark + cell.value).rjust(value), style))
        if spread:
            text.append(" " + cell.spread.ljust(spread), "dim")
        if other:
            text.append(" " + beside(cell).rjust(other), "cyan")
        texts.append(text)
    return texts


def _share(cell: Cell) -> str:
    """The baseline has the unit where the others have what they are of it."""
    return cell.beside.replace("points", "pt") or _unit(cell)


def _unit(cell: Cell) -> str:
    return cell.unit if cell.number is not None else ""


def _nothing(_cell: Cell) -> str:
    return ""
