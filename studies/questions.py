"""Commands that answer questions about limits: can they be kept, how far do they go, what if."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tightfit import SpecError
from tightfit.studies.deciding import Budget, decide
from tightfit.studies.decision import Answer
from tightfit.studies.decision_view import decision_view
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.session import RunRequest
from tightfit.studies.study_file import find_study, read_study
from tightfit.studies.terminal import (
    INTERRUPTED,
    NOTHING_FEASIBLE,
    JsonOption,
    SetOption,
    StudyArgument,
    ToOption,
    console,
    errors,
    print_json,
    program,
)
from tightfit.studies.watching import ConsoleWatcher

questions = typer.Typer()

_SECONDS = {"s": 1, "m": 60, "h": 3600}

WithinOption = Annotated[
    str | None, typer.Option(help="Wall time, e.g. 90s, 30m, 2h; what was begun is finished.")
]
TrialsOption = Annotated[int | None, typer.Option(help="How many candidates may be trained.")]


def seconds_of(text: str) -> float:
    """Read a time as people write it: ``90s``, ``30m``, ``1.5h``.

    Raises:
        SpecError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if found is None or float(found[1]) == 0:
        raise SpecError(f"--within takes a time such as 90s, 30m or 2h, got {text!r}")
    return float(found[1]) * _SECONDS[found[2]]


@questions.command(name="decide")
def decide_command(
    study: StudyArgument,
    within: WithinOption = None,
    trials: TrialsOption = None,
    to: ToOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the limits can be kept: a witness, a proof, or how near it came."""
    request = request_of(study, to, set_, trials)
    spec = request.study.spec
    budget = Budget(spec.trials, None if within is None else seconds_of(within))
    watcher = ConsoleWatcher(errors, objective=spec.objectives[0], trials=spec.trials)
    try:
        with watcher.shown():
            found = decide(request, watcher, budget)
    except KeyboardInterrupt:
        say_interrupted()
    results = request.folder.results()
    if as_json:
        print_json(found.to_json(results.space))
    else:
        console.print(decision_view(found, results.metrics), highlight=False)
    if found.answer is not Answer.YES:
        raise typer.Exit(NOTHING_FEASIBLE)


def request_of(
    study: str, to: Path | None, set_: list[str] | None, trials: int | None
) -> RunRequest:
    """Return a request for a study in its usual folder, or in another.

    Raises:
        SpecError: The study cannot be read.
    """
    overrides = (*(set_ or ()), *((f"trials={trials}",) if trials is not None else ()))
    path = find_study(study)
    read = read_study(path, overrides)
    return RunRequest(read, path, overrides, RunFolder(to or Path("runs") / read.name))


def say_interrupted() -> NoReturn:
    """Say how to go on after an interrupt, and end."""
    again = " ".join([program(), *sys.argv[1:]])
    errors.print(f"\nInterrupted; everything finished is kept. Go on with: {again}")
    raise typer.Exit(INTERRUPTED) from None
