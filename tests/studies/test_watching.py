from __future__ import annotations

import io
import re
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from rich.console import Console

from tightfit import Outcome
from tightfit.search import Progress
from tightfit.studies.results import Results
from tightfit.studies.watching import ConsoleWatcher

PROGRESS = Progress(1, 3, screened=0, failed=1, best=None, seconds=2.0, overhead_seconds=1.0)


BEGINNING = """
import io, signal
from rich.console import Console
from tightfit.studies.watching import ConsoleWatcher

signal.signal(signal.SIGINT, signal.default_int_handler)
watcher = ConsoleWatcher(Console(file=io.StringIO()), objective="accuracy", trials=3)
"""

DROPPED = """
class InterruptedAtItsEnd:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

with watcher.shown():
    InterruptedAtItsEnd()
    print("dropped")
    try:
        watcher.step(1, 2, 0.5)
    except KeyboardInterrupt:
        print("raised with the next step")
"""

TWICE = """
try:
    with watcher.shown():
        signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
with watcher.shown():
    watcher.step(1, 2, 0.5)
print("went on")
"""

IGNORED = """
signal.signal(signal.SIGINT, signal.SIG_IGN)
with watcher.shown():
    signal.raise_signal(signal.SIGINT)
    watcher.step(1, 2, 0.5)
print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
"""


def said(script: str) -> list[str]:
    """Return what a script prints in a process of its own, whose interrupts hit nothing else.

    Python 3.11 may crash where coverage traces a handler of a signal.
    """
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + script], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_an_interrupt_that_a_destructor_drops_comes_with_the_next_step() -> None:
    assert said(DROPPED) == ["dropped", "raised with the next step"]


def test_the_usual_handler_is_back_and_steps_of_another_run_go_on() -> None:
    assert said(TWICE) == ["True", "went on"]


def test_who_ignores_interrupts_goes_on_ignoring_them() -> None:
    assert said(IGNORED) == ["True"]


@pytest.mark.parametrize("terminal", [False, True])
def test_brackets_of_reasons_and_names_are_shown_as_they_are(
    terminal: bool, results: Results
) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=200, color_system=None)
    watcher = ConsoleWatcher(console, objective="accuracy", trials=3)
    failed = next(each for each in results.records if each.outcome is Outcome.FAILED)
    broken = next(each for each in results.records if each.trained and not each.feasible)
    with watcher.shown():
        watcher.begin(results.metrics)
        watcher.say("reading [/data/x.npz]")
        watcher.record(replace(failed, reason="cannot open [/data/x.npz]"), PROGRESS)
        watcher.record(
            replace(broken, origin="own [net]", violations={"[mine] <= 1": 1.0}), PROGRESS
        )
    shown = text.getvalue()
    assert "reading [/data/x.npz]" in shown
    assert "failed: cannot open [/data/x.npz]" in shown
    assert "own [net]: 88.1" in shown
    assert "breaks [mine] <= 1" in shown


def lines(console: Console, awaited: str) -> list[str]:
    """Return what stands on the terminal, once the awaited words stand in its last line."""
    assert isinstance(console.file, io.StringIO)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        console.file.seek(0)
        console.file.truncate()
        console.print()
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", console.file.getvalue())
        shown = [line[1:].strip() for line in text.splitlines() if line.strip()]
        if shown and awaited in shown[-1]:
            return shown
        time.sleep(0.02)
    raise AssertionError(f"{awaited!r} was not shown, but {text!r}")


def watched(console: Console, results: Results) -> ConsoleWatcher:
    watcher = ConsoleWatcher(console, objective="accuracy", trials=40)
    watcher.begin(results.metrics)
    return watcher


@pytest.mark.parametrize(
    ("width", "note"),
    [
        (200, "best 90.9 ±0.8 %, 131 screened out, 2 failed, 5 stopped early"),
        (80, "best 90.9 %, 131 screened, 2 failed, 5 stopped"),
        (60, "best 90.9 %, 131 screened"),
        (40, ""),
        (30, ""),
    ],
)
def test_count_and_times_stay_whole_and_the_note_is_said_in_fewer_words(
    width: int, note: str, results: Results
) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    watcher = watched(console, results)
    progress = replace(PROGRESS, trained=14, trials=40, screened=131, failed=2, stopped=5)
    with watcher.shown():
        watcher.record(results.records[0], replace(progress, best=results.records[0]))
        watcher.step(7, 14, 0.5)
        trials, training = lines(console, "7/14")[-2:]

    assert max(len(trials), len(training)) < width
    assert re.match(r"trials +\S* *14/40 0:00:0\d -:--:-- *", trials)
    assert re.match(r"train(ing|…) +\S* *7/14 0:00:0\d -:--:-- *", training)
    assert trials.endswith(f"-:--:-- {note}" if note else "-:--:--")
    assert ("━" in trials) == (width == 200)


def test_a_count_stays_whole_where_the_times_have_no_room(results: Results) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=20, color_system=None)
    watcher = watched(console, results)
    with watcher.shown():
        watcher.step(7000, 23000, 0.5)
        line = lines(console, "/23000")[-1]

    assert line.split() == ["train…", "7000/23000"]


def test_a_long_title_is_cut_before_the_numbers(results: Results) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    watcher = watched(console, results)
    with watcher.shown():
        watcher.say("searching under accuracy >= 0.9, size_kb <= 200, latency_ms <= 0.5")
        watcher.step(3, 8, 0.0)
        line = lines(console, "3/8")[-1]

    assert re.fullmatch(r"searching under accuracy >=.*… 3/8 0:00:0\d -:--:--", line)


def test_a_trials_training_has_a_title_of_its_own(results: Results) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    watcher = watched(console, results)
    with watcher.shown():
        watcher.say("starting the worker")
        assert lines(console, "starting")[-1].startswith("starting the worker ")
        watcher.step(7, 14, 0.545)
        line = lines(console, "7/14")[-1]

    assert line.startswith("training ")
    assert line.endswith("loss 0.545")


@pytest.mark.parametrize(
    ("title", "loss"),
    [
        ("training the baseline for 3 epochs, once", 0.5),
        ("for comparison: from scratch", 0.5),
        ("measuring what should be fastest, for latency_ms <= 2", 0.0),
    ],
)
def test_steps_of_what_was_said_stand_beside_it(title: str, loss: float, results: Results) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=150, color_system=None)
    watcher = watched(console, results)
    with watcher.shown():
        watcher.say(title)
        watcher.step(7, 14, loss)
        line = lines(console, "7/14")[-1]

    assert line.startswith(f"{title} ")
    assert "7/14" in line
