from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from tightfit import Outcome
from tightfit.search import Progress
from tightfit.studies.results import Results
from tightfit.studies.watching import ConsoleWatcher

PROGRESS = Progress(1, 3, screened=0, failed=1, best=None, seconds=2.0, overhead_seconds=1.0)


DROPPED = """
import io, signal
from rich.console import Console
from tightfit.studies.watching import ConsoleWatcher

class InterruptedAtItsEnd:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
watcher = ConsoleWatcher(Console(file=io.StringIO()), objective="accuracy", trials=3)
with watcher.shown():
    InterruptedAtItsEnd()
    print("dropped")
    try:
        watcher.step(1, 2, 0.5)
    except KeyboardInterrupt:
        print("raised with the next step")
"""


@pytest.fixture(autouse=True)
def usual_handler() -> Iterator[None]:
    """What starts tests may have told them to ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def watcher() -> ConsoleWatcher:
    return ConsoleWatcher(Console(file=io.StringIO()), objective="accuracy", trials=3)


def test_an_interrupt_that_a_destructor_drops_comes_with_the_next_step() -> None:
    """In a process of its own: Python 3.11 may crash where coverage traces such a destructor."""
    done = subprocess.run(
        [sys.executable, "-c", DROPPED], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["dropped", "raised with the next step"]
    assert "Exception ignored" in done.stderr


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


def test_the_usual_handler_is_back_and_steps_of_another_run_go_on(watcher: ConsoleWatcher) -> None:
    with pytest.raises(KeyboardInterrupt), watcher.shown():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with watcher.shown():
        watcher.step(1, 2, 0.5)


def test_who_ignores_interrupts_goes_on_ignoring_them(watcher: ConsoleWatcher) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with watcher.shown():
        signal.raise_signal(signal.SIGINT)
        watcher.step(1, 2, 0.5)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
