"""Puts the page's parts together and says what each click does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import dash
import plotly.graph_objects as go
from dash import ALL, Input, Output, State, ctx, html, no_update

from tightfit import TightfitError
from tightfit.studies import figures, wording
from tightfit.studies.dashboard.layout import layout
from tightfit.studies.dashboard.panels import ROW, member_panel, networks_table
from tightfit.studies.dashboard.snapshot import Snapshot
from tightfit.studies.report_page import state
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, chosen, misses, standings
from tightfit.studies.verdict import advice, headline

NOT_A_MEMBER = "Only members of the front can be exported."
_PAGES = Path(__file__).resolve().parent.parent / "pages"
_SCHEME = """(tick) => window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"
"""


def create_dashboard(
    load: Callable[[], Results],
    export: Callable[[int], Path],
    stamp: Callable[[], Hashable] | None = None,
) -> dash.Dash:
    """Return the live page of a run.

    Args:
        load: Returns the run's results as they are now.
        export: Exports the member of that trial and returns the folder it lies in. What it raises
            as a `TightfitError` or `OSError` is shown on the page.
        stamp: Of what `load` reads, as :meth:`RunFolder.stamp`; every open browser asks for it
            every two seconds until the run is finished. Without it each of them loads.

    Raises:
        SpecError: The run cannot be loaded.
    """
    snapshot = Snapshot(load, stamp)
    app = dash.Dash(
        "tightfit",
        assets_folder=str(_PAGES),
        assets_ignore=r"report\..*",
        title=f"{snapshot.results.name} – Tightfit",
        update_title="",
        serve_locally=True,
    )
    # One line on standard error for every request is not for our users.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.layout = lambda: layout(snapshot.results)
    _keep_up(app, snapshot)
    _choose(app)
    _show_front(app, snapshot)
    _show_member(app, snapshot)
    _show_run(app, snapshot)
    _export(app, snapshot, export)
    return app


def _keep_up(app: dash.Dash, snapshot: Snapshot) -> None:
    app.clientside_callback(  # type: ignore[no-untyped-call]
        _SCHEME, Output("scheme", "data"), Input("tick", "n_intervals")
    )

    @app.callback(
        Output("revision", "data"),
        Output("state", "children"),
        Output("notice", "children"),
        Output("tick", "disabled"),
        Input("tick", "n_intervals"),
        State("revision", "data"),
    )
    def tick(_n: int | None, seen: int) -> tuple[Any, str, list[html.P], bool]:
        revision = snapshot.refresh()
        results = snapshot.results
        notice = _advice(results)
        if snapshot.problem:
            notice = [html.P(f"The run cannot be read at the moment: {snapshot.problem}"), *notice]
        finished = results.finished and not snapshot.problem
        return no_update if revision == seen else revision, state(results), notice, finished


def _choose(app: dash.Dash) -> None:
    @app.callback(
        Output("shown", "data"),
        # A click is forgotten once it is answered, so that the same point can be clicked again.
        Output("front", "clickData"),
        Output("tracks", "clickData"),
        Input("front", "clickData"),
        Input("tracks", "clickData"),
        Input({"kind": ROW, "key": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def choose(front: Any, tracks: Any, _clicks: list[int]) -> tuple[Any, None, None]:
        source = ctx.triggered_id
        if isinstance(source, dict):
            # Rows that are drawn anew announce themselves without having been clicked.
            return (source["key"] if ctx.triggered[0]["value"] else no_update), None, None
        key = _clicked(front if source == "front" else tracks)
        return (no_update if key is None or key == "baseline" else key), None, None


def _show_front(app: dash.Dash, snapshot: Snapshot) -> None:
    @app.callback(
        Output("front", "figure"),
        Input("revision", "data"),
        Input("axis-x", "value"),
        Input("axis-y", "value"),
        Input("shown", "data"),
        Input("scheme", "data"),
    )
    def front(_revision: int, x: str, y: str, shown: str | None, scheme: str) -> go.Figure:
        results = snapshot.results
        standing = _standing(results, shown)
        key = None if standing is None else standing.key
        return _in(scheme, figures.draw_cloud(figures.cloud(results, x, y, chosen=key)))


def _show_member(app: dash.Dash, snapshot: Snapshot) -> None:
    @app.callback(
        Output("member", "children"),
        Output("layers", "figure"),
        Output("layers", "style"),
        Output("settings", "children"),
        Output("export", "disabled"),
        Output("exportable", "children"),
        Output("networks", "children"),
        Input("revision", "data"),
        Input("shown", "data"),
        Input("scheme", "data"),
    )
    def member(_revision: int, shown: str | None, scheme: str) -> tuple[Any, ...]:
        results = snapshot.results
        standing = _standing(results, shown)
        found = _layers(results, standing)
        exportable = standing is not None and standing.member
        return (
            member_panel(results, standing),
            *_sized(_in(scheme, figures.draw_layers(found))),
            html.Ul(
                [html.Li([html.Code(name), f" {value}"]) for name, value in found.settings],
                className="settings",
            ),
            not exportable,
            "" if exportable else NOT_A_MEMBER,
            networks_table(results, None if standing is None else standing.key),
        )


def _show_run(app: dash.Dash, snapshot: Snapshot) -> None:
    @app.callback(
        Output("headline", "children"),
        Output("tracks", "figure"),
        Output("tracks", "style"),
        Output("hypervolume", "figure"),
        Output("hypervolume-caption", "children"),
        Output("obstacles", "figure"),
        Output("obstacles", "style"),
        Input("revision", "data"),
        Input("scheme", "data"),
    )
    def run(_revision: int, scheme: str) -> tuple[Any, ...]:
        results = snapshot.results
        history = figures.hypervolume_over_trials(results)
        return (
            headline(results, chosen(standings(results))),
            *_sized(_in(scheme, figures.draw_tracks(figures.tracks(results)))),
            _in(scheme, figures.draw_hypervolume(history)),
            figures.hypervolume_caption(history),
            *_sized(_in(scheme, figures.draw_obstacles(figures.obstacles(results)))),
        )


def _export(app: dash.Dash, snapshot: Snapshot, export: Callable[[int], Path]) -> None:
    @app.callback(
        Output("exported", "children"),
        Input("export", "n_clicks"),
        State("shown", "data"),
        running=[(Output("export", "disabled"), True, False)],
        prevent_initial_call=True,
    )
    def exported(_clicks: int, shown: str | None) -> html.P:
        standing = _standing(snapshot.results, shown)
        if standing is None or standing.trial is None or not standing.member:
            return html.P(NOT_A_MEMBER, className="broken")
        try:
            folder = export(standing.trial)
        except (TightfitError, OSError) as error:
            words = f"{wording.capital(standing.name)} was not exported: {error}"
            return html.P(words, className="broken")
        words = f"{wording.capital(standing.name)} lies in "
        return html.P([words, html.Code(str(folder))], className="done")


def _standing(results: Results, shown: str | None) -> Standing | None:
    """Return what was clicked; before that the knee, or the nearest miss."""
    everyone = standings(results)
    for standing in everyone:
        if standing.key == shown:
            return standing
    near = misses(everyone, 1)
    return chosen(everyone) or (near[0] if near else None)


def _layers(results: Results, standing: Standing | None) -> figures.Layers:
    if standing is None or standing.trial is None:
        return figures.Layers((), ())
    return figures.layers(results.space, standing.record.candidate)


def _advice(results: Results) -> list[html.P]:
    everyone = standings(results)
    if chosen(everyone) is not None:
        return []
    return [html.P(advice(results, each)) for each in misses(everyone)]


def _clicked(click: Any) -> str | None:
    """Return the key that a figure's click carries, if it carries one."""
    points = (click or {}).get("points") or [{}]
    key = points[0].get("customdata")
    return key if isinstance(key, str) else None


def _in(scheme: str, figure: go.Figure) -> go.Figure:
    return figures.darkened(figure) if scheme == "dark" else figure


def _sized(figure: go.Figure) -> tuple[go.Figure, dict[str, str]]:
    """Return a figure with the style of its place."""
    return figure, {"height": f"{figure.layout.height}px"}
