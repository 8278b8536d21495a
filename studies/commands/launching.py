"""Commands that begin with a study: write one, check it, search, compare searches."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.checking import check_study
from tightfit.studies.commands.terminal import (
    NOTHING_FEASIBLE,
    JsonOption,
    PictureOption,
    SetOption,
    StudyArgument,
    ToOption,
    console,
    errors,
    print_json,
    program,
    say,
    say_interrupted,
)
from tightfit.studies.comparing import Contest, compare_samplers
from tightfit.studies.comparison_table import comparison_table
from tightfit.studies.figures import CONFIG
from tightfit.studies.figures.comparison import comparison_lines, draw_comparison
from tightfit.studies.figures.sensitivity import draw_sensitivity, sensitivity_map
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.running import run_study
from tightfit.studies.sensitivity import study_sensitivity
from tightfit.studies.sensitivity_table import sensitivity_bar, sensitivity_table
from tightfit.studies.session import RunRequest
from tightfit.studies.study_file import find_study, read_study
from tightfit.studies.tables import front_table
from tightfit.studies.template import study_template
from tightfit.studies.watching import ConsoleWatcher

launching = typer.Typer()


@launching.command()
def init(
    model: Annotated[
        str, typer.Option(help="The network: torchvision:NAME, timm:NAME or module:function.")
    ],
    data: Annotated[str, typer.Option(help="The data: a data set's name or module:function.")],
) -> None:
    """Print a commented study file for a model and a data set."""
    sys.stdout.write(study_template(model, data))


@launching.command()
def check(study: StudyArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Read everything and say what the study would mean; train nothing."""
    found = check_study(read_study(find_study(study), set_ or ()))
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())
    if not found.possible:
        raise typer.Exit(NOTHING_FEASIBLE)


@launching.command()
def run(
    study: StudyArgument,
    trials: Annotated[int | None, typer.Option(help="How many candidates to train.")] = None,
    within: Annotated[
        str | None, typer.Option(help="Wall time of the search, e.g. 90s, 30m, 2h.")
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="End the search when so many times in a row no candidate is expected to better "
            "the front."
        ),
    ] = None,
    to: ToOption = None,
    storage: Annotated[
        str | None,
        typer.Option(help="URL of an Optuna storage that keeps the records, e.g. sqlite:///r.db."),
    ] = None,
    set_: SetOption = None,
) -> None:
    """Search; run again, it resumes."""
    ends = {"trials": trials, "within": within, "patience": patience}
    overrides = [
        *(set_ or ()),
        *(f"{key}={json.dumps(value)}" for key, value in ends.items() if value is not None),
    ]
    path = find_study(study)
    read = read_study(path, overrides)
    folder = RunFolder(to or Path("runs") / read.name)
    request = RunRequest(read, path, tuple(overrides), folder, storage)
    watcher = ConsoleWatcher(console, objective=read.spec.objectives[0], trials=read.spec.trials)
    try:
        with watcher.shown():
            results, _ = run_study(request, watcher)
    except KeyboardInterrupt:
        say_interrupted()
    if results.ending is not None and results.ending.early:
        early = Text.assemble(("The search stopped early:", "yellow"), f" {results.ending.message}")
        errors.print(early, soft_wrap=True)
    console.print(front_table(results))
    _say_where(folder, feasible=results.feasible)
    if not results.feasible:
        raise typer.Exit(NOTHING_FEASIBLE)


@launching.command()
def sensitivity(
    study: StudyArgument,
    to: ToOption = None,
    tuned: Annotated[
        int,
        typer.Option(
            min=0, help="How many choices are also trained for a moment: less damage stays then."
        ),
    ] = 3,
    picture: PictureOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what each single choice damages; a run in the same folder starts from it."""
    read = read_study(find_study(study), set_ or ())
    folder = RunFolder(to or Path("runs") / read.name)
    try:
        with sensitivity_bar(errors) as bar:
            found = study_sensitivity(read, folder, tuned=tuned, say=bar.say, progress=bar.step)
    except KeyboardInterrupt:
        say_interrupted()
    if picture is not None:
        page = draw_sensitivity(sensitivity_map(found)).to_html(config=CONFIG)
        write_atomically(picture, page.encode())
    if as_json:
        print_json(found.to_json())
        return
    console.print(sensitivity_table(found))
    say(f"\nKept in {folder.sensitivity}")


@launching.command(name="compare")
def compare_command(
    study: StudyArgument,
    samplers: Annotated[
        str, typer.Option(help="The samplers to compare, with commas between.")
    ] = "auto,tpe,random",
    seeds: Annotated[
        int, typer.Option(min=1, help="How many searches each sampler makes, with other seeds.")
    ] = 3,
    trials: Annotated[
        int | None, typer.Option(help="How many candidates each search may train.")
    ] = None,
    to: ToOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search with several samplers and say how far each came; run again, it goes on."""
    contest = Contest(tuple(name.strip() for name in samplers.split(",")), seeds)
    overrides = [*(set_ or ()), *([f"trials={trials}"] if trials is not None else [])]
    path = find_study(study)
    read = read_study(path, overrides)
    folder = RunFolder(to or Path("runs") / read.name)
    watcher = ConsoleWatcher(errors, objective=read.spec.objectives[0], trials=read.spec.trials)
    request = RunRequest(read, path, tuple(overrides), folder)
    try:
        with watcher.shown():
            found = compare_samplers(request, contest, watcher)
    except KeyboardInterrupt:
        say_interrupted()
    page = folder.comparison / "comparison.html"
    figure = draw_comparison(comparison_lines(found))
    write_atomically(page, figure.to_html(config=CONFIG).encode())
    if as_json:
        print_json(found.to_json())
    else:
        console.print(comparison_table(found))
        say(f"\nPicture: {page}")
    if found.empty:
        raise typer.Exit(NOTHING_FEASIBLE)


def _say_where(folder: RunFolder, *, feasible: bool) -> None:
    path = shlex.quote(str(folder.path))
    say(f"\nReport: {folder.report}\nFiles:  {folder.candidates}")
    if feasible:
        say("Next:")
        for command in (
            f"export {path} --pick knee --to export",
            f"dashboard {path}",
            f"front {path} --json",
        ):
            say(f"  {shlex.quote(program())} {command}")
