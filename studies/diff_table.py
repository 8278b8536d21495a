"""Two programs side by side in a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tightfit.studies.diff_words import NOTHING, DiffPage, Program, Side
from tightfit.studies.diffing import OVERHEAD

COLUMNS = ("kernel", "bits", "kB", "µs", "share")


def diff_table(page: DiffPage) -> Group:
    """Return what a terminal shows."""
    first, second = page.programs
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("layer", overflow="fold")
    for letter in ("A", "B"):
        table.add_column(f"{letter}: kernel", overflow="fold")
        for column in COLUMNS[1:]:
            table.add_column(column, justify="right", no_wrap=True)
    for row in page.rows:
        table.add_row(row.layer, *_cells(row.a), *_cells(row.b))
    return Group(
        Text(page.headline, "bold"),
        *_program("A", first),
        *_program("B", second),
        table,
        Text("Bits of activations × weights; in brackets as the file stores the weights.", "dim"),
        Text(OVERHEAD, "dim"),
    )


def _program(letter: str, program: Program) -> tuple[Text, ...]:
    title = f"{letter} is {program.name}: {program.latency}, {program.instructions} instructions"
    return (Text(title), *(Text(f"  {sentence}") for sentence in program.findings))


def _cells(side: Side) -> tuple[Text, ...]:
    if side is NOTHING:
        return (Text(side.kernel, "dim"), *(Text("") for _ in COLUMNS[1:]))
    kernel = Text(side.kernel)
    kernel.append(f"\n{side.shapes}", "dim")
    numbers = (side.bits, side.kilobytes, side.microseconds, side.share)
    return (kernel, *(Text(number) for number in numbers))
