"""What all commands of the command line share: consoles, options, and ways of printing."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, NoReturn, TextIO

import typer
from rich.console import Console

NOTHING_FEASIBLE, NOT_HELD, WRONG_INPUT, INTERRUPTED = 1, 1, 2, 130

console = Console()
errors = Console(stderr=True)

StudyArgument = Annotated[
    str, typer.Argument(help="A study file, or the name of a shipped one.", metavar="STUDY")
]
RunArgument = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
ToOption = Annotated[Path | None, typer.Option(help="The run's folder; runs/NAME by default.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE replaces a key of the study file. May be repeated."),
]
_standard_output: ContextVar[TextIO | None] = ContextVar("standard_output", default=None)
"""Where a JSON document goes while everything else that is printed goes to standard error."""


@contextmanager
def _kept_for_the_document() -> Iterator[None]:
    """Keep standard output for a JSON document: a user's function may print what it likes."""
    kept = _standard_output.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _standard_output.reset(kept)


def _only_json(context: typer.Context, asked: bool) -> bool:
    if asked:
        context.with_resource(_kept_for_the_document())
    return asked


JsonOption = Annotated[
    bool,
    typer.Option("--json", callback=_only_json, help="Print one JSON document and nothing else."),
]
PickOption = Annotated[
    str, typer.Option(help="Which member: knee, an objective, or a trial's number.")
]
PictureOption = Annotated[
    Path | None, typer.Option(help="Write a picture of it to this file, an HTML page.")
]
MovedStudyOption = Annotated[
    str | None, typer.Option("--study", help="The run's study file, where it was moved.")
]


def program() -> str:
    """Return what a person types to run this: its path, where a shell would not find its name."""
    found = Path(sys.argv[0]).name == "tightfit" and shutil.which("tightfit") is None
    return sys.argv[0] if found else "tightfit"


def say(text: str, *, on: Console | None = None) -> None:
    """Print lines that a person may copy: whole, whatever the terminal's width.

    Args:
        text: Printed as it is: brackets of a path are no markup.
        on: Standard output by default.
    """
    (on or console).print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say_interrupted() -> NoReturn:
    """Say how to go on after an interrupt, and end."""
    again = shlex.join([program(), *sys.argv[1:]])
    say(f"\nInterrupted; everything finished is kept. Go on with: {again}", on=errors)
    raise typer.Exit(INTERRUPTED) from None


def print_json(value: Any) -> None:
    """Print one JSON document."""
    (_standard_output.get() or sys.stdout).write(json.dumps(value, indent=1) + "\n")
