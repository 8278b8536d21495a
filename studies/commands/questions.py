"""Commands that answer questions about limits: can they be kept, how far do they go, what if."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tightfit import SpecError
from tightfit.studies.commands.terminal import (
    NOTHING_FEASIBLE,
    JsonOption,
    MovedStudyOption,
    RunArgument,
    SetOption,
    StudyArgument,
    ToOption,
    console,
    errors,
    print_json,
    say_interrupted,
)
from tightfit.studies.deciding import Budget, decide
from tightfit.studies.decision import Answer
from tightfit.studies.decision_view import decision_view
from tightfit.studies.duration import seconds_of
from tightfit.studies.exporting import run_assembly
from tightfit.studies.first_met import SPENT, first_met
from tightfit.studies.run_folder import RunFolder, open_run
from tightfit.studies.session import RunRequest, check_same_study
from tightfit.studies.study_file import find_study, read_study
from tightfit.studies.tightening import Fineness, tighten
from tightfit.studies.watching import ConsoleWatcher
from tightfit.studies.whatif import new_limits, what_if

questions = typer.Typer()

WithinOption = Annotated[
    str | None, typer.Option(help="Wall time to spend, e.g. 90s or 2h; what was begun is finished.")
]
TrialsOption = Annotated[
    int | None, typer.Option(min=1, help="How many candidates may be trained.")
]


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
        console.print(decision_view(found, results.metrics, results.space), highlight=False)
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


@questions.command(name="whatif")
def whatif_command(
    folder: RunArgument,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            help='A limit, e.g. "latency_ms <= 2", in place of the run\'s on that metric. May be '
            "repeated."
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="How many further trainings the model is asked about.")
    ] = 20,
    study: MovedStudyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run's records under other limits, and what a model of them promises."""
    run_folder = open_run(folder)
    results = run_folder.results()
    new_limits(results, limits or ())
    path = None if study is None else find_study(study)
    found = what_if(results, run_assembly(run_folder, path), limits or (), trials=trials)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view(), highlight=False)
    if not found.met:
        raise typer.Exit(NOTHING_FEASIBLE)


@questions.command(name="tighten")
def tighten_command(
    study: StudyArgument,
    limit: Annotated[
        str,
        typer.Option(
            help="The metric to tighten; or 'trials' or 'hours': what it took to meet the limits."
        ),
    ],
    within: WithinOption = None,
    trials: TrialsOption = None,
    step: Annotated[
        int, typer.Option(min=1, help="How many candidates may be trained for one bound.")
    ] = 4,
    width: Annotated[
        float,
        typer.Option(
            help="End when the bracket is narrower than this share of the bound that is reached."
        ),
    ] = 0.02,
    to: ToOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the tightest bound on one metric that the other limits allow."""
    if not 0 < width < 1:
        raise SpecError(f"--width takes a share between 0 and 1, e.g. 0.02, got {width}")
    request = request_of(study, to, set_, None)
    if limit in SPENT:
        run_folder = open_run(request.folder.path)
        check_same_study(request)
        met = first_met(run_folder.results())
        if as_json:
            print_json(met.to_json())
        else:
            console.print(met.text(limit), highlight=False)
        if met.trials is None:
            raise typer.Exit(NOTHING_FEASIBLE)
        return
    spec = request.study.spec
    seconds = None if within is None else seconds_of(within)
    budget = Budget(spec.trials if trials is None else trials, seconds)
    watcher = ConsoleWatcher(errors, objective=spec.objectives[0], trials=budget.trials)
    try:
        with watcher.shown():
            found = tighten(request, limit, watcher, budget=budget, fineness=Fineness(step, width))
    except KeyboardInterrupt:
        say_interrupted()
    results = request.folder.results()
    if as_json:
        print_json(found.to_json(results.space))
    else:
        console.print(found.view(results.metrics), highlight=False)
    if found.reached is None:
        raise typer.Exit(NOTHING_FEASIBLE)
