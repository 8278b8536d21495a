"""Lines that show how far jobs are, readable at any width of the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

_WIDEST_BAR, _NARROWEST_BAR = 40, 8
_SHORTEST_TITLE = 6


class ProgressLines(Progress):
    """A line a job: its title, a bar, its count, time taken and time left, and a note.

    Where the terminal is narrow the bar goes first; then notes are said in fewer words and titles
    are cut, and the times go last. Numbers stay whole. A task's field ``notes`` has its note
    in several wordings, the longest first.
    """

    def __init__(self, console: Console) -> None:
        self._terminal = console
        self._spinner = SpinnerColumn()
        self._times = (TimeElapsedColumn(), TimeRemainingColumn())
        super().__init__(self._spinner, *self._times, console=console, transient=True)

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Return the lines for the width that the terminal has now."""
        shown = [task for task in tasks if task.visible]
        if not shown:
            return Table.grid()
        numbers = [[_count(task), *(column(task) for column in self._times)] for task in shown]
        widths = [
            max(self._terminal.measure(each).maximum for each in column)
            for column in zip(*numbers, strict=True)
        ]
        # What is left beside the spinner and numbers, each with a gap.
        room = self._terminal.width - 2 - sum(each + 1 for each in widths)
        while room < _SHORTEST_TITLE and len(widths) > 1:
            room += widths.pop() + 1
        title = max(len(task.description) for task in shown)
        note = max(len(_longest(task)) for task in shown)
        bar = min(_WIDEST_BAR, room - title - note - 2)
        if bar < _NARROWEST_BAR:
            bar = 0
            title = min(title, max(room - note - 1, room // 2, _SHORTEST_TITLE))
        notes = [_longest(task, room - title - 1) for task in shown]
        table = Table.grid(*_columns(title, bar, widths), padding=(0, 1))
        for task, some, words in zip(shown, numbers, notes, strict=True):
            bars = [BarColumn(bar)(task)] if bar else []
            line = (Text(task.description), *bars, *some[: len(widths)])
            table.add_row(self._spinner(task), *line, *([Text(words)] if any(notes) else []))
        return table


def _columns(title: int, bar: int, numbers: Sequence[int]) -> list[Column]:
    columns = [Column(no_wrap=True), Column(no_wrap=True, width=title)]
    if bar:
        columns.append(Column(no_wrap=True, width=bar))
    return columns + [Column(no_wrap=True, width=each, justify="right") for each in numbers]


def _count(task: Task) -> RenderableType:
    """Return how much of a job is done; nothing where nobody knows how much there is."""
    return Text("") if task.total is None else MofNCompleteColumn()(task)


def _longest(task: Task, room: int | None = None) -> str:
    """Return the longest note that fits, or none."""
    notes: Sequence[str] = task.fields["notes"]
    return next((each for each in notes if room is None or len(each) <= room), "")
