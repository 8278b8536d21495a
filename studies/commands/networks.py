"""Commands about networks and files by themselves, and about what Tightfit knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from tightfit import SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.datasets import load_data
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.objectives.task import classification
from tightfit.studies.backbones import FITS, Backbone, chosen_names, compare, parse_limits
from tightfit.studies.backbones_table import backbones_table
from tightfit.studies.commands.terminal import (
    NOTHING_FEASIBLE,
    JsonOption,
    PictureOption,
    console,
    errors,
    print_json,
)
from tightfit.studies.diff_table import diff_table
from tightfit.studies.diff_words import diff_page
from tightfit.studies.diffing import diff_files
from tightfit.studies.figures import CONFIG
from tightfit.studies.figures.backbones import balls, draw_backbones
from tightfit.studies.inspecting import CLASSES, inspect_model, picture_shape
from tightfit.studies.metrics_view import metrics_view
from tightfit.studies.study_file import schema

networks = typer.Typer()

InputOption = Annotated[
    str, typer.Option("--input", help="Channels, height and width of a picture, e.g. 3x224x224.")
]


@networks.command()
def inspect(
    model: Annotated[
        str,
        typer.Argument(
            help="The network: torchvision:NAME, timm:NAME or module:function.", metavar="MODEL"
        ),
    ],
    input_: InputOption,
    classes: Annotated[
        int, typer.Option(help="How many classes the network tells apart.")
    ] = CLASSES,
    as_json: JsonOption = False,
) -> None:
    """Show what a network costs layer by layer, and what of it can be compressed."""
    found = inspect_model(model, input_, folder=Path.cwd(), classes=classes)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(found.view())


@networks.command()
def diff(
    a: Annotated[
        Path, typer.Argument(help="The first ONNX file, or an exported folder.", metavar="A")
    ],
    b: Annotated[
        Path, typer.Argument(help="The second ONNX file, or an exported folder.", metavar="B")
    ],
    as_json: JsonOption = False,
) -> None:
    """Put two files side by side as the runtime runs them, operator by operator."""
    found = diff_files(a, b)
    if as_json:
        print_json(found.to_json())
    else:
        console.print(diff_table(diff_page(found)))


@networks.command()
def backbones(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Networks of torchvision; all of them when none is named."),
    ] = None,
    input_: InputOption = "3x224x224",
    data: Annotated[
        str | None, typer.Option(help="A data set whose shape and classes the networks get.")
    ] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            help='A limit, e.g. "size_kb <= 4000": which networks keep it? May be repeated.'
        ),
    ] = None,
    picture: PictureOption = None,
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
        write_atomically(picture, draw_backbones(balls(found)).to_html(config=CONFIG).encode())
    if as_json:
        print_json([each.to_json() for each in found])
    else:
        console.print(backbones_table(found, limited=bool(bounds)))
    if bounds and not any(each.verdict == FITS for each in found):
        raise typer.Exit(NOTHING_FEASIBLE)


@networks.command()
def metrics(as_json: JsonOption = False) -> None:
    """List each metric with unit, stage and kind."""
    known = (*METRICS, classification().metric, *(each.metric for each in QUALITY_METRICS))
    columns = ("name", "unit", "direction", "stage", "kind", "summary")
    rows = [{column: str(getattr(metric, column)) for column in columns} for metric in known]
    if as_json:
        print_json(rows)
        return
    console.print(metrics_view(rows), highlight=False)


@networks.command(name="schema")
def print_schema() -> None:
    """Print the JSON Schema of a study file."""
    print_json(schema())
