"""Calls the command line as a person would, in this process or in one of its own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tightfit.studies import claims
from tightfit.studies.cli import main

TINY = Path(__file__).parent / "tiny"
PROGRAM = (sys.executable, "-m", "tightfit.studies")


def tightfit(*arguments: object) -> int:
    """Run the command line in this process and return its exit code.

    A claim of a latency holds up to twice its time: tests share their cores, and the networks here
    take microseconds. What margin a claim has is tested on numbers, in ``test_claims``.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "LATENCY_MARGIN", 1.0)
        patch.setattr(sys, "argv", ["tightfit", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def start(*arguments: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start the command line in a process of its own, which hears Ctrl-C.

    What is started where interrupts are ignored, as a shell's background jobs are, ignores them.
    """
    here = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
        )
    finally:
        signal.signal(signal.SIGINT, here)


def run_card(folder: Path) -> list[int]:
    """Run the lines of an export's model card where it lies; return the classes they print."""
    found = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)
    assert found is not None
    done = subprocess.run(
        [sys.executable, "-c", found[1] + "\nimport sys; assert 'torch' not in sys.modules"],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [int(number) for number in done.stdout.strip(" []\n").split()]


def tiny_study(folder: Path) -> Path:
    """Copy the tests' own tiny study, with its networks and data, and return its path."""
    for name in ("tiny.toml", "own.py", "seg.py", "tokens.py"):
        shutil.copy(TINY / name, folder)
    return folder / "tiny.toml"
