"""What a person sees while a study runs: a bar, the best so far, what was screened out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import TaskID
from rich.text import Text

from tightfit import Measurement, Metric, Outcome, Record
from tightfit.search import Progress as SearchProgress
from tightfit.studies.interrupts import Interrupts
from tightfit.studies.progress_lines import ProgressLines
from tightfit.studies.wording import quantity, reading_text

_OTHER_TRAININGS = ("training ", "for comparison: ")
"""How it is said what is trained outside the search; steps with a loss are a trial's else."""


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
        self._lines = ProgressLines(console)
        self._search: TaskID | None = None
        self._job: TaskID | None = None
        self._trains = False
        self._interrupts = Interrupts()

    @contextmanager
    def shown(self) -> Iterator[ConsoleWatcher]:
        """Show the bar inside; a Ctrl-C that is lost there is raised with the next step or record.

        Raises:
            KeyboardInterrupt: Ctrl-C.
        """
        with self._lines, self._interrupts.remembered():
            yield self

    def begin(self, metrics: Mapping[str, Metric]) -> None:
        """Learn the study's metrics, for their units."""
        self._metrics = metrics

    def say(self, text: str) -> None:
        """Show what is being done."""
        self._begin_job(text, trains=text.startswith(_OTHER_TRAININGS))
        if not self._console.is_terminal:
            self._console.print(text, markup=False)

    def step(self, done: int, total: int, loss: float) -> None:
        """Show how far the job at hand is; a training has a title and a time of its own."""
        self._interrupts.check()
        job = self._job
        if job is None or (loss and not self._trains):
            job = self._begin_job("training", trains=True)
        notes = (f"loss {loss:.3f}", "") if loss else ("",)
        self._lines.update(job, completed=done, total=total, notes=notes)

    def record(self, record: Record, progress: SearchProgress) -> None:
        """Show a record that was kept."""
        self._interrupts.check()
        self._forget_job()
        notes = self._notes(progress)
        if self._search is None:
            self._search = self._lines.add_task("trials", total=progress.trials, notes=notes)
        self._lines.update(self._search, completed=progress.trained, notes=notes)
        if record.outcome is not Outcome.SCREENED:
            self._console.print(self._line(record, progress), soft_wrap=True)

    def _notes(self, progress: SearchProgress) -> tuple[str, ...]:
        """Return how the search fares, in ever fewer words."""
        full = [f"{progress.screened} screened out", f"{progress.failed} failed"]
        short = [f"{progress.screened} screened", f"{progress.failed} failed"]
        if progress.stopped:
            full.append(f"{progress.stopped} stopped early")
            short.append(f"{progress.stopped} stopped")
        if progress.best is not None:
            full.insert(0, f"best {self._value(progress.best)}")
            short.insert(0, f"best {self._value(progress.best, spread=False)}")
        rest = (short[:count] for count in range(len(short), -1, -1))
        return (", ".join(full), *(", ".join(words) for words in rest))

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

    def _value(self, record: Record, *, spread: bool = True) -> str:
        metric, reading = self._metrics[self._objective], record.measurement[self._objective]
        return reading_text(metric, reading) if spread else quantity(metric, reading.value)

    def _begin_job(self, title: str, *, trains: bool) -> TaskID:
        self._forget_job()
        self._trains = trains
        self._job = self._lines.add_task(title, total=None, notes=("",))
        return self._job

    def _forget_job(self) -> None:
        if self._job is not None:
            self._lines.remove_task(self._job)
            self._job = None
