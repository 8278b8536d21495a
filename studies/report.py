"""The report: one page that needs nothing but a browser."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.cells import NOISY_WORDS
from tightfit.studies.diff_words import DiffPage, diff_of_member
from tightfit.studies.diffing import OVERHEAD
from tightfit.studies.figures import (
    CONFIG,
    DARK,
    draw_cloud,
    draw_hypervolume,
    draw_layers,
    draw_obstacles,
    draw_tracks,
    front,
    hypervolume_over_trials,
    layers,
    obstacles,
    tracks,
)
from tightfit.studies.final import Final
from tightfit.studies.report_page import report_page
from tightfit.studies.results import Results
from tightfit.studies.standing import KNEE, Standing, chosen, standings
from tightfit.studies.versions import versions


def write_report(
    results: Results, path: Path, *, final: Final | None = None, pick: str = KNEE
) -> Path:
    """Write the report of a run, whole or not at all, and return its path.

    Where the run has the files of the baseline and the pick, both are profiled: some seconds.

    Args:
        results: Of the run.
        path: Of the page, usually ``report.html`` in the run's folder.
        final: What exported files reached on the test split, if that was measured.
        pick: The member that is shown layer by layer: ``knee``, an objective, or a trial's number.

    Raises:
        SpecError: The front has no such member, or the page cannot be written.
    """
    picked = chosen(standings(results), pick)
    diff = None if picked is None else diff_of_member(results, picked)
    write_atomically(path, report_html(results, final=final, pick=pick, diff=diff).encode())
    return path


def report_html(
    results: Results,
    *,
    final: Final | None = None,
    pick: str = KNEE,
    diff: DiffPage | str | None = None,
) -> str:
    """Return the page as text. It asks nothing of the network.

    Args:
        results: Of the run.
        final: As for :func:`write_report`.
        pick: As for :func:`write_report`.
        diff: The instructions of baseline and pick, why they could not be had, or ``None`` where
            the run has not the files.

    Raises:
        SpecError: The front has no such member.
    """
    picked = chosen(standings(results), pick)
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        _text("report.html.j2")
    )
    return template.render(
        page=report_page(results, picked, final=final, versions=versions()),
        noisy=NOISY_WORDS,
        diff=diff,
        overhead=OVERHEAD,
        style=Markup(_text("colours.css") + _text("report.css")),
        script=Markup(_text("report.js")),
        plotly=Markup(get_plotlyjs()),
        figures=_json(
            {
                name: json.loads(figure.to_json())
                for name, figure in _figures(results, picked).items()
            }
        ),
        dark=_json(DARK),
        config=_json(CONFIG),
    )


def _figures(results: Results, picked: Standing | None) -> dict[str, go.Figure]:
    figures = {
        "front": draw_cloud(front(results, chosen=None if picked is None else picked.key)),
        "tracks": draw_tracks(tracks(results)),
        "hypervolume": draw_hypervolume(hypervolume_over_trials(results)),
        "obstacles": draw_obstacles(obstacles(results)),
    }
    if picked is not None:
        figures["layers"] = draw_layers(layers(results.space, picked.record.candidate))
    return figures


def _json(value: object) -> Markup:
    """Return JSON that no text in it can end the script element it stands in."""
    return Markup(json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e"))


def _text(name: str) -> str:
    return files("tightfit.studies").joinpath("pages", name).read_text("utf-8")
