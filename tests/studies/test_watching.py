from __future__ import annotations

import io
import subprocess
import sys
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
