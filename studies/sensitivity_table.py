"""What single choices damage, in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from tightfit.objectives.damage import Damage
from tightfit.studies import wording
from tightfit.studies.interrupts import Interrupts
from tightfit.studies.sensitivity import Sensitivity


class SensitivityBar:
    """A bar with what is measured now."""

    def __init__(self, bar: Progress, task: TaskID, interrupts: Interrupts) -> None:
        self._bar = bar
        self._task = task
        self._interrupts = interrupts

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._bar.update(self._task, description=text)

    def step(self, done: int, total: int, what: str) -> None:
        """Show how far it is."""
        self._interrupts.check()
        self._bar.update(self._task, completed=done, total=total, description=what)


@contextmanager
def sensitivity_bar(console: Console) -> Iterator[SensitivityBar]:
    """Show a bar inside; a Ctrl-C that is lost there is raised with the next step."""
    interrupts = Interrupts()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
    )
    progress = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
    with progress as bar, interrupts.remembered():
        yield SensitivityBar(bar, bar.add_task("reading", total=None), interrupts)


def sensitivity_table(found: Sensitivity) -> Table:
    """Return a row for each choice: by how much loss and score are worse, least damaging first."""
    table = Table(
        box=None,
        padding=(0, 1),
        header_style="bold",
        title=(
            f"By how much each choice is worse on {found.inputs} inputs, before training, beside\n"
            f"everything at its mildest (loss {found.loss:.4f}); the least damaging first"
        ),
        title_justify="left",
    )
    table.add_column("site", no_wrap=True)
    table.add_column("technique")
    for heading in ("choice", "loss", found.metric, "loss, trained"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in sorted(found.effects, key=lambda effect: effect.damage.loss):
        site, _, technique = each.hparam.rpartition(".")
        table.add_row(
            site,
            technique.removesuffix("_ratio"),
            wording.choice(each.choice),
            _text(each.damage),
            wording.signed(each.damage.quality, 4),
            "" if each.tuned is None else _text(each.tuned),
        )
    return table


def _text(damage: Damage) -> str:
    return f"{wording.signed(damage.loss, 4)} ±{damage.stderr:.4f}"
