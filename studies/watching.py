"""What a person sees while a study runs: a bar, the best so far, what was screened out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tightfit import Measurement, Metric, Outcome, Record
from tightfit.search import Progress as SearchProgress
from tightfit.studies.interrupts import Interrupts
from tightfit.studies.wording import reading_text


class ConsoleWatcher:
    """Shows a run on a terminal; on a pipe it prints a line a record instead of a bar.

    Args:
        console: Where to.
        objective: The metric by which "best" is meant.
        trials: How many candidates shall be trained.
    """

    def __init__(self, console: Console, *, objective: str, trials: int) -> None:
        self._console = console
        self._metrics: Mapping[str, Metric] = {}
        self._objective = objective
        self._trials = trials
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self._search: TaskID | None = None
        self._job: TaskID | None = None
        self._interrupts = Interrupts()

    @contextmanager
    def shown(self) -> Iterator[ConsoleWatcher]:
        """Show the bar inside; a Ctrl-C that is lost there is raised with the next step or record.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        with self._bar, self._interrupts.remembered():
            yield self

    def begin(self, metrics: Mapping[str, Metric]) -> None:
        """Learn the study's metrics, for their units."""
        self._metrics = metrics

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._forget_job()
        self._job = self._bar.add_task(text, total=None, note="")
        if not self._console.is_terminal:
            self._console.print(text, markup=False)

    def step(self, done: int, total: int, loss: float) -> None:
        """Show how far the job at hand is."""
        self._interrupts.check()
        if self._job is None:
            self._job = self._bar.add_task("training", total=total, note="")
        note = f"loss {loss:.3f}" if loss else ""
        self._bar.update(self._job, completed=done, total=total, note=note)

    def record(self, record: Record, progress: SearchProgress) -> None:
        """Show a record that was kept."""
        self._interrupts.check()
        self._forget_job()
        note = f"{progress.screened} screened out, {progress.failed} failed"
        if progress.stopped:
            note += f", {progress.stopped} stopped early"
        if progress.best is not None:
            note = f"best {self._value(progress.best)}, {note}"
        if self._search is None:
            self._search = self._bar.add_task("trials", total=progress.trials, note=note)
        self._bar.update(self._search, completed=progress.trained, note=note)
        if record.outcome is not Outcome.SCREENED:
            self._console.print(self._line(record, progress), soft_wrap=True)

    def _line(self, record: Record, progress: SearchProgress) -> Text:
        head = f"{progress.trained:>4}/{progress.trials}  {record.origin}: "
        if record.outcome is Outcome.FAILED:
            return Text.assemble(head, ("failed", "red"), f": {record.reason}")
        if record.outcome is Outcome.STOPPED:
            return Text(f"{head}{self._readings(record.rungs[-1].measurement)}, {record.reason}")
        broken = [name for name, violation in record.violations.items() if violation > 0]
        kept = ("keeps all limits", "green")
        verdict = kept if record.feasible else f"breaks {', '.join(broken)}"
        return Text.assemble(f"{head}{self._readings(record.measurement)}, ", verdict)

    def _readings(self, measurement: Measurement) -> str:
        shown = [n for n in (self._objective, "size_kb", "latency_ms") if n in measurement]
        return ", ".join(
            reading_text(self._metrics[name], measurement[name]) for name in dict.fromkeys(shown)
        )

    def _value(self, record: Record) -> str:
        return reading_text(self._metrics[self._objective], record.measurement[self._objective])

    def _forget_job(self) -> None:
        if self._job is not None:
            self._bar.remove_task(self._job)
            self._job = None
