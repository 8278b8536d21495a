"""The command line. Each command reads its arguments, calls one function and prints what it gives.

Exit codes: 0 done; 1 done, but nothing feasible was found, or a claim does not hold; 2 wrong input,
or it could not be done, and the message says which; 130 interrupted.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tightfit import TightfitError, __version__
from tightfit.studies.commands.launching import launching
from tightfit.studies.commands.members import members
from tightfit.studies.commands.networks import networks
from tightfit.studies.commands.questions import questions
from tightfit.studies.commands.terminal import (
    WRONG_INPUT,
    console,
    errors,
)

app = typer.Typer(
    help="Hard limits in; the best network that fits, out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (launching, questions, members, networks):
    app.add_typer(commands)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; the one place where errors become messages and exit codes."""
    try:
        app()
    except TightfitError as error:
        errors.print("[bold red]error:[/] ", end="")
        errors.print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(WRONG_INPUT)
