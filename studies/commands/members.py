"""Commands about a run's members: show them, hand one over, and check what was handed over."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tightfit import SpecError
from tightfit.objectives.meter.connection import LOCAL
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.studies.commands.terminal import (
    NOT_HELD,
    NOTHING_FEASIBLE,
    JsonOption,
    MovedStudyOption,
    PickOption,
    RunArgument,
    console,
    errors,
    print_json,
    say,
)
from tightfit.studies.dashboard import create_dashboard, make_server, serve
from tightfit.studies.export_folder import WRITTEN, open_export, refuse_others_files
from tightfit.studies.exporting import export_member, run_assembly
from tightfit.studies.gains import gains_json
from tightfit.studies.litert_exporting import Format, check_litert, export_litert
from tightfit.studies.preprocess import Preprocess
from tightfit.studies.report import write_report
from tightfit.studies.run_folder import open_run
from tightfit.studies.study_file import find_study
from tightfit.studies.tables import front_rows, front_table
from tightfit.studies.verify_command import verify_export

members = typer.Typer()


@members.command()
def front(folder: RunArgument, as_json: JsonOption = False) -> None:
    """Show the feasible front beside baseline and references."""
    results = open_run(folder).results()
    if as_json:
        rows = [row.to_json(results.metrics, results.baseline) for row in front_rows(results)]
        print_json(
            {
                "study": results.name,
                "finished": results.finished,
                "ending": None if results.ending is None else asdict(results.ending),
                "networks": rows,
                "limits": gains_json(results),
            }
        )
    else:
        console.print(front_table(results))
    if not results.feasible:
        raise typer.Exit(NOTHING_FEASIBLE)


@members.command()
def export(
    folder: RunArgument,
    to: Annotated[Path, typer.Option(help="The folder to write.")],
    pick: PickOption = "knee",
    study: MovedStudyOption = None,
    proof: Annotated[
        bool, typer.Option(help="Hand over the baseline's file and the test split, to verify with.")
    ] = True,
    format_: Annotated[
        Format, typer.Option("--format", help="litert adds model.tflite and model.h to the export.")
    ] = Format.ONNX,
    preprocess: Annotated[
        bool,
        typer.Option(
            "--preprocess",
            help="Write a file that takes uint8 pictures [N, height, width, channels] and prepares "
            "them itself.",
        ),
    ] = False,
    source_size: Annotated[
        str | None,
        typer.Option(
            help="HEIGHTxWIDTH of the pictures, e.g. 480x640: with --preprocess, the file takes "
            "any size and is measured with this one."
        ),
    ] = None,
) -> None:
    """Write a member's file, weights, report and model card, verified in a fresh process."""
    asked = Preprocess.asked(preprocess=preprocess, source=source_size)
    if asked is not None and format_ is Format.LITERT:
        raise SpecError(
            "--preprocess is for files of onnxruntime, and a LiteRT file takes signed codes; leave "
            "out --preprocess or --format litert"
        )
    run_folder = open_run(folder)
    if not run_folder.results().feasible:
        nearest = shlex.join(["tightfit", "front", str(folder)])
        say(
            f"{folder} has nothing feasible to export; '{nearest}' shows the nearest misses",
            on=errors,
        )
        raise typer.Exit(NOTHING_FEASIBLE)
    refuse_others_files(to)
    assembly = None
    if study is not None or format_ is Format.LITERT:
        moved = find_study(study) if study is not None else None
        assembly = run_assembly(run_folder, moved)
    if format_ is Format.LITERT and assembly is not None:
        check_litert(assembly)
    exported = export_member(
        run_folder, pick=pick, to=to, assembly=assembly, proof=proof, preprocess=asked
    )
    if format_ is Format.LITERT and assembly is not None:
        export_litert(to, assembly, exported.standing.record)
    console.print(exported.verification.view())
    say(f"\n{exported.standing.name} is in {to}:")
    for path in sorted(to / name for name in WRITTEN if (to / name).is_file()):
        size = f"{path.stat().st_size / 1000:,.1f} kB"
        say(f"  {path.relative_to(to)}  {size}")
    if not exported.verification.holds:
        raise typer.Exit(NOT_HELD)


@members.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The folder of an export.", metavar="DIR")],
    data: Annotated[
        str | None,
        typer.Option(
            help="Pictures of your own: an .npz of inputs and targets, or a data set as a study "
            "names it."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="The baseline's file, where the export is without it.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Your own score, module:function, as the study names it.")
    ] = None,
    connect: Annotated[
        str,
        typer.Option(
            help="Where latency and memory are read: local, ssh:user@host or command:..., as "
            "device.connect of a study."
        ),
    ] = LOCAL,
    python: Annotated[
        str, typer.Option(help="The command that starts Python on a device reached by ssh.")
    ] = "python3",
    as_json: JsonOption = False,
) -> None:
    """Measure an exported file anew and say which claims of its report hold."""
    export = open_export(folder)
    report = export.report
    # Older versions do not say what comes behind the threads: they had it so.
    processors = tuple(report.get("processors", ()))
    here = connect == LOCAL and max(processors, default=0) < (os.cpu_count() or 1)
    device = DeviceSettings(
        connect,
        python=python,
        runtime=export.runtime,
        threads=report["threads"],
        batch=report.get("batch", 1),
        processors=processors if here or connect != LOCAL else (),
        spinning=report.get("spinning", False),
    )
    found = verify_export(export, data=data, baseline=baseline, score=score, device=device)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())
    if not found.holds:
        raise typer.Exit(NOT_HELD)


@members.command()
def report(folder: RunArgument, pick: PickOption = "knee") -> None:
    """Write report.html, one self-contained page."""
    run_folder = open_run(folder)
    results = run_folder.results()
    final = run_folder.final.read(results.quality.name)
    say(str(write_report(results, run_folder.report, final=final, pick=pick)))


@members.command()
def dashboard(
    folder: RunArgument,
    port: Annotated[int, typer.Option(help="The port on loopback; 0 takes a free one.")] = 8050,
) -> None:
    """Show the run as a live page on loopback."""
    run_folder = open_run(folder)
    exports = run_folder.path / "exports"

    def write(trial: int) -> Path:
        return export_member(run_folder, pick=str(trial), to=exports / f"trial-{trial}").folder

    server = make_server(create_dashboard(run_folder.results, write, run_folder.stamp), port=port)
    say(f"{server.url}  (Ctrl-C ends it)")
    serve(server)
