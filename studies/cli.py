"""The command line. Each command reads its arguments, calls one function and prints what it gives.

Exit codes: 0 done; 1 done, but nothing feasible was found, or a claim does not hold; 2 wrong input;
130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from tightfit import SpecError, TightfitError, __version__
from tightfit.objectives.artifact import write_atomically
from tightfit.objectives.datasets import load_data
from tightfit.objectives.meter.connection import LOCAL
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.objectives.task import classification
from tightfit.search import Stopped, pareto_front
from tightfit.studies.backbones import FITS, Backbone, chosen_names, compare, parse_limits
from tightfit.studies.backbones_table import backbones_table
from tightfit.studies.checking import check_study
from tightfit.studies.comparing import Contest, compare_samplers
from tightfit.studies.comparison_table import comparison_table
from tightfit.studies.dashboard import create_dashboard, serve
from tightfit.studies.diff_table import diff_table
from tightfit.studies.diff_words import diff_page
from tightfit.studies.diffing import diff_files
from tightfit.studies.export_folder import open_export
from tightfit.studies.exporting import export_member, run_assembly
from tightfit.studies.figures import CONFIG
from tightfit.studies.figures.backbones import balls, draw_backbones
from tightfit.studies.figures.comparison import comparison_lines, draw_comparison
from tightfit.studies.figures.sensitivity import draw_sensitivity, sensitivity_map
from tightfit.studies.gains import gains_json
from tightfit.studies.inspecting import CLASSES, inspect_model, picture_shape
from tightfit.studies.litert_exporting import Format, check_litert, export_litert
from tightfit.studies.plan import Plan
from tightfit.studies.questions import questions
from tightfit.studies.report import write_report
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder, open_run
from tightfit.studies.running import run_study
from tightfit.studies.sensitivity import study_sensitivity
from tightfit.studies.sensitivity_table import sensitivity_bar, sensitivity_table
from tightfit.studies.session import RunRequest
from tightfit.studies.study_file import find_study, read_study, schema
from tightfit.studies.tables import front_rows, front_table
from tightfit.studies.template import study_template
from tightfit.studies.terminal import (
    INTERRUPTED,
    NOT_HELD,
    NOTHING_FEASIBLE,
    WRONG_INPUT,
    JsonOption,
    PickOption,
    RunArgument,
    SetOption,
    StudyArgument,
    ToOption,
    console,
    errors,
    print_json,
    program,
    say,
)
from tightfit.studies.verify_command import verify_export
from tightfit.studies.watching import ConsoleWatcher

app = typer.Typer(
    help="Hard limits in; the best network that fits, out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(questions)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        console.print(__version__)
        raise typer.Exit


@app.command()
def init(
    model: Annotated[str, typer.Option(help="torchvision:NAME, timm:NAME or module:function.")],
    data: Annotated[str, typer.Option(help="A data set's name or module:function.")],
) -> None:
    """Print a commented study file for a model and a data set."""
    sys.stdout.write(study_template(model, data))


@app.command()
def check(study: StudyArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Read everything and say what the study would mean; train nothing."""
    found = check_study(read_study(find_study(study), set_ or ()))
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())
    if not found.possible:
        raise typer.Exit(NOTHING_FEASIBLE)


@app.command()
def run(
    study: StudyArgument,
    trials: Annotated[int | None, typer.Option(help="How many candidates to train.")] = None,
    to: ToOption = None,
    storage: Annotated[str | None, typer.Option(help="URL of an Optuna storage.")] = None,
    set_: SetOption = None,
) -> None:
    """Search; run again, it resumes."""
    overrides = [*(set_ or ()), *([f"trials={trials}"] if trials is not None else [])]
    path = find_study(study)
    read = read_study(path, overrides)
    folder = RunFolder(to or Path("runs") / read.name)
    request = RunRequest(read, path, tuple(overrides), folder, storage)
    watcher = ConsoleWatcher(console, objective=read.spec.objectives[0], trials=read.spec.trials)
    try:
        with watcher.shown():
            results, outcome = run_study(request, watcher)
    except KeyboardInterrupt:
        again = " ".join([program(), "run", *sys.argv[2:]])
        errors.print(f"\nInterrupted; everything finished is kept. Go on with: {again}")
        raise typer.Exit(INTERRUPTED) from None
    if outcome is not None and outcome.stopped is not Stopped.FINISHED:
        errors.print(
            f"[yellow]The search stopped early:[/] {outcome.message}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(front_table(results))
    _say_where(folder, feasible=_any_feasible(results))
    if not _any_feasible(results):
        raise typer.Exit(NOTHING_FEASIBLE)


@app.command()
def front(folder: RunArgument, as_json: JsonOption = False) -> None:
    """Show the feasible front beside baseline and references."""
    results = open_run(folder).results()
    if as_json:
        rows = [row.to_json(results.metrics, results.baseline) for row in front_rows(results)]
        print_json(
            {
                "study": results.name,
                "finished": results.finished,
                "networks": rows,
                "limits": gains_json(results),
            }
        )
    else:
        console.print(front_table(results))
    if not _any_feasible(results):
        raise typer.Exit(NOTHING_FEASIBLE)


@app.command()
def export(
    folder: RunArgument,
    to: Annotated[Path, typer.Option(help="The folder to write.")],
    pick: PickOption = "knee",
    study: Annotated[str | None, typer.Option(help="The study file, if it was moved.")] = None,
    proof: Annotated[
        bool, typer.Option(help="Hand over the baseline's file and the test split, to verify with.")
    ] = True,
    format_: Annotated[
        Format, typer.Option("--format", help="litert: model.tflite and model.h as well.")
    ] = Format.ONNX,
) -> None:
    """Write a member's file, weights, report and model card, verified in a fresh process."""
    run_folder = open_run(folder)
    assembly = None
    if study is not None or format_ is Format.LITERT:
        moved = find_study(study) if study is not None else None
        assembly = run_assembly(Plan.read(run_folder.plan), moved)
    if format_ is Format.LITERT and assembly is not None:
        check_litert(assembly)
    exported = export_member(run_folder, pick=pick, to=to, assembly=assembly, proof=proof)
    if format_ is Format.LITERT and assembly is not None:
        export_litert(to, assembly)
    console.print(exported.verification.view())
    say(f"\n{exported.standing.name} is in {to}:")
    for path in sorted(each for each in to.rglob("*") if each.is_file()):
        size = f"{path.stat().st_size / 1000:,.1f} kB"
        say(f"  {path.relative_to(to)}  {size}")
    if not exported.verification.holds:
        raise typer.Exit(NOT_HELD)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The folder of an export.", metavar="DIR")],
    data: Annotated[
        str | None,
        typer.Option(help="Other pictures: an .npz of inputs and targets, or as in a study."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="The baseline's file, where the export is without it.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Your own score, module:function, as the study names it.")
    ] = None,
    connect: Annotated[
        str, typer.Option(help="Where latency and memory are read, as device.connect of a study.")
    ] = LOCAL,
    as_json: JsonOption = False,
) -> None:
    """Measure an exported file anew and say which claims of its report hold."""
    export = open_export(folder)
    device = DeviceSettings(connect=connect, threads=export.report["threads"])
    found = verify_export(export, data=data, baseline=baseline, score=score, device=device)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())
    if not found.holds:
        raise typer.Exit(NOT_HELD)


@app.command()
def report(folder: RunArgument, pick: PickOption = "knee") -> None:
    """Write report.html, one self-contained page."""
    run_folder = open_run(folder)
    results = run_folder.results()
    final = run_folder.final.read(results.quality.name)
    say(str(write_report(results, run_folder.report, final=final, pick=pick)))


@app.command()
def dashboard(
    folder: RunArgument,
    port: Annotated[int, typer.Option(help="On loopback; 0 takes a free one.")] = 8050,
) -> None:
    """Show the run as a live page on loopback."""
    run_folder = open_run(folder)
    exports = run_folder.path / "exports"

    def write(trial: int) -> Path:
        return export_member(run_folder, pick=str(trial), to=exports / f"trial-{trial}").folder

    say(f"http://127.0.0.1:{port}  (Ctrl-C ends it)")
    serve(create_dashboard(run_folder.results, write), port=port)


@app.command()
def inspect(
    model: Annotated[str, typer.Argument(help="As in a study's model.name.", metavar="MODEL")],
    input_: Annotated[str, typer.Option("--input", help="CxHxW, e.g. 3x224x224.")],
    classes: Annotated[int, typer.Option(help="Of the classifier.")] = CLASSES,
    as_json: JsonOption = False,
) -> None:
    """Show what a network costs layer by layer, and what of it can be compressed."""
    found = inspect_model(model, input_, folder=Path.cwd(), classes=classes)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())


@app.command()
def diff(
    a: Annotated[Path, typer.Argument(help="An ONNX file or an exported folder.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="The same.", metavar="B")],
    as_json: JsonOption = False,
) -> None:
    """Put two files side by side as the runtime runs them, operator by operator."""
    found = diff_files(a, b)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(diff_table(diff_page(found)))


@app.command()
def sensitivity(
    study: StudyArgument,
    to: ToOption = None,
    tuned: Annotated[int, typer.Option(min=0, help="How many choices to train a moment.")] = 3,
    picture: Annotated[Path | None, typer.Option(help="Write the picture as a page.")] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure what each single choice damages; a run in the same folder starts from it."""
    read = read_study(find_study(study), set_ or ())
    folder = RunFolder(to or Path("runs") / read.name)
    with sensitivity_bar(errors) as bar:
        found = study_sensitivity(read, folder, tuned=tuned, say=bar.say, progress=bar.step)
    if picture is not None:
        page = draw_sensitivity(sensitivity_map(found)).to_html(config=CONFIG)
        write_atomically(picture, page.encode())
    if as_json:
        print_json(found.to_json())
        return
    console.print(sensitivity_table(found))
    say(f"\nKept in {folder.sensitivity}")


@app.command(name="compare")
def compare_command(
    study: StudyArgument,
    samplers: Annotated[str, typer.Option(help="Names with commas between.")] = "auto,tpe,random",
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each sampler.")] = 3,
    trials: Annotated[int | None, typer.Option(help="Trainings of each search.")] = None,
    to: Annotated[Path | None, typer.Option(help="The run's folder; runs/NAME by default.")] = None,
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
    with watcher.shown():
        found = compare_samplers(RunRequest(read, path, tuple(overrides), folder), contest, watcher)
    page = folder.comparison / "comparison.html"
    figure = draw_comparison(comparison_lines(found))
    write_atomically(page, figure.to_html(config=CONFIG).encode())
    if as_json:
        print_json(found.to_json())
        return
    console.print(comparison_table(found))
    say(f"\nPicture: {page}")


@app.command()
def backbones(
    names: Annotated[list[str] | None, typer.Argument(help="Of torchvision; all of them.")] = None,
    input_: Annotated[str, typer.Option("--input", help="CxHxW.")] = "3x224x224",
    data: Annotated[str | None, typer.Option(help="A data set: its shape and classes.")] = None,
    limits: Annotated[
        list[str] | None, typer.Option(help='E.g. "size_kb <= 4000": which networks keep it?')
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the picture as a page.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare torchvision's networks: what each costs here, and what it was published to reach."""
    shape, classes = picture_shape(input_), CLASSES
    if data is not None:
        loaded = load_data(data, root=None, seed=0, study_folder=Path.cwd())
        if len(loaded.input_shape) != 3 or loaded.classes is None:
            raise SpecError(f"the data set {data!r} must be pictures of classes")
        channels, height, width = loaded.input_shape
        shape, classes = (channels, height, width), loaded.classes
    chosen, bounds = chosen_names(names or ()), parse_limits(limits or ())
    found: list[Backbone] = []
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for name in chosen:
            progress.update(task, description=name)
            found += compare([name], input_shape=shape, classes=classes, limits=bounds)
            progress.advance(task)
    if picture is not None:
        write_atomically(picture, draw_backbones(balls(found)).to_html().encode())
    if as_json:
        print_json([each.to_json() for each in found])
    else:
        console.print(backbones_table(found, limited=bool(bounds)))
    if bounds and not any(each.verdict == FITS for each in found):
        raise typer.Exit(NOTHING_FEASIBLE)


@app.command()
def metrics(as_json: JsonOption = False) -> None:
    """List each metric with unit, stage and kind."""
    known = (*METRICS, classification().metric, *(each.metric for each in QUALITY_METRICS))
    columns = ("name", "unit", "direction", "stage", "kind", "summary")
    rows = [{column: str(getattr(metric, column)) for column in columns} for metric in known]
    if as_json:
        print_json(rows)
        return
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*row.values())
    console.print(table)


@app.command(name="schema")
def print_schema() -> None:
    """Print the JSON Schema of a study file."""
    print_json(schema())


def main() -> None:
    """Run the command line; the one place where errors become messages and exit codes."""
    try:
        app()
    except TightfitError as error:
        errors.print("[bold red]error:[/] ", end="")
        errors.print(str(error), highlight=False, markup=False, soft_wrap=True)
        sys.exit(WRONG_INPUT)


def _any_feasible(results: Results) -> bool:
    return bool(pareto_front(results.records, results.objectives).members)


def _say_where(folder: RunFolder, *, feasible: bool) -> None:
    path = folder.path
    console.print(
        f"\nReport: {folder.report}\nFiles:  {folder.candidates}", highlight=False, soft_wrap=True
    )
    if feasible:
        say("Next:")
        for command in (
            f"export {path} --pick knee --to export",
            f"dashboard {path}",
            f"front {path} --json",
        ):
            say(f"  {program()} {command}")
