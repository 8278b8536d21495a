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
from tightfit.studies.dashboard.guard import answer_own_requests
from tightfit.studies.dashboard.layout import RELOAD_MS, REST_MS, layout, network_options
from tightfit.studies.dashboard.panels import LINE, ROW, member_panel, networks_table
from tightfit.studies.dashboard.snapshot import Snapshot
from tightfit.studies.report_page import state
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, chosen, misses, standings
from tightfit.studies.verdict import advice, headline

NOT_A_MEMBER = "Only members of the front can be exported."
_PAGES = Path(__file__).resolve().parent.parent / "pages"
_SCHEME = """(_) => {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const name = () => dark.matches ? "dark" : "light";
    dark.addEventListener("change", () => dash_clientside.set_props("scheme", { data: name() }));
    return name();
}"""
_DISABLED = "(exporting, member) => exporting || !member"
_LINES = """(displayed, ids) => ids.map((id) => id.key === displayed ? "shown" : "")"""


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
            every two seconds, and once the run is finished every ten. Without it each of them
            loads.

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
    answer_own_requests(app)
    app.layout = lambda: layout(snapshot.results)
    _keep_up(app, snapshot)
    _choose(app)
    _show_front(app, snapshot)
    _show_member(app, snapshot)
    _show_networks(app, snapshot)
    _show_run(app, snapshot)
    _export(app, snapshot, export)
    return app


def _keep_up(app: dash.Dash, snapshot: Snapshot) -> None:
    app.clientside_callback(  # type: ignore[no-untyped-call]
        _SCHEME, Output("scheme", "data"), Input("scheme", "id")
    )

    @app.callback(
        Output("revision", "data"),
        Output("state", "children"),
        Output("headline", "children"),
        Output("notice", "children"),
        Output("tick", "interval"),
        Input("tick", "n_intervals"),
        State("revision", "data"),
    )
    def tick(n: int | None, seen: int) -> tuple[Any, str, str, list[html.P], int]:
        # What the header says is said of the same results: each of them alone would be right, and
        # two of them of different moments contradict each other.
        revision = snapshot.refresh()
        results = snapshot.results
        notice = _advice(results)
        if snapshot.problem:
            notice = [html.P(f"The run cannot be read at the moment: {snapshot.problem}"), *notice]
        # A finished run may be resumed with more trials, or be removed.
        finished = results.finished and not snapshot.problem
        return (
            # The first answer is one always, as what waits for it is asked for nothing else.
            no_update if n and revision == seen else revision,
            state(results),
            headline(results, chosen(standings(results))),
            notice,
            REST_MS if finished else RELOAD_MS,
        )


def _choose(app: dash.Dash) -> None:
    @app.callback(
        Output("shown", "data"),
        # A click is forgotten once it is answered, so that the same point can be clicked again.
        Output("front", "clickData"),
        Output("tracks", "clickData"),
        Output("any-network", "value"),
        Input("front", "clickData"),
        Input("tracks", "clickData"),
        Input("any-network", "value"),
        Input({"kind": ROW, "key": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def choose(
        front: Any, tracks: Any, named: str | None, _clicks: list[int]
    ) -> tuple[Any, None, None, None]:
        source = ctx.triggered_id
        if isinstance(source, dict):
            # Rows that are drawn anew announce themselves without having been clicked.
            key = source["key"] if ctx.triggered[0]["value"] else None
        elif source == "any-network":
            key = named
        else:
            key = _clicked(front if source == "front" else tracks)
        return (no_update if key is None or key == "baseline" else key), None, None, None


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
        Output("is-member", "data"),
        Output("exportable", "children"),
        Output("displayed", "data"),
        Input("revision", "data"),
        Input("shown", "data"),
        Input("scheme", "data"),
    )
    def member(_revision: int, shown: str | None, scheme: str) -> tuple[Any, ...]:
        results = snapshot.results
        standing = _standing(results, shown)
        found = _layers(results, standing)
        by_layer = (
            figures.empty("No network yet.") if standing is None else figures.draw_layers(found)
        )
        exportable = standing is not None and standing.member
        return (
            member_panel(results, standing),
            *_sized(_in(scheme, by_layer)),
            html.Ul(
                [html.Li([html.Code(name), f" {value}"]) for name, value in found.settings],
                className="settings",
            ),
            exportable,
            "" if exportable else NOT_A_MEMBER,
            None if standing is None else standing.key,
        )


def _show_networks(app: dash.Dash, snapshot: Snapshot) -> None:
    @app.callback(
        Output("networks", "children"),
        Output("any-network", "options"),
        Input("revision", "data"),
        State("shown", "data"),
    )
    def networks(_revision: int, shown: str | None) -> tuple[html.Table, list[dict[str, str]]]:
        results = snapshot.results
        standing = _standing(results, shown)
        key = None if standing is None else standing.key
        return networks_table(results, key), network_options(results)

    # The row that is shown is marked in the table that is there.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        _LINES,
        Output({"kind": LINE, "key": ALL}, "className"),
        Input("displayed", "data"),
        Input({"kind": LINE, "key": ALL}, "id"),
    )


def _show_run(app: dash.Dash, snapshot: Snapshot) -> None:
    @app.callback(
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
            *_sized(_in(scheme, figures.draw_tracks(figures.tracks(results)))),
            _in(scheme, figures.draw_hypervolume(history)),
            figures.hypervolume_caption(history),
            *_sized(_in(scheme, figures.draw_obstacles(figures.obstacles(results)))),
        )


def _export(app: dash.Dash, snapshot: Snapshot, export: Callable[[int], Path]) -> None:
    # One writer of the button: neither the end of an export nor another network that is shown
    # meanwhile knows of the other.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        _DISABLED,
        Output("export", "disabled"),
        Input("exporting", "data"),
        Input("is-member", "data"),
    )

    @app.callback(
        Output("exported", "children"),
        Input("export", "n_clicks"),
        State("shown", "data"),
        running=[(Output("exporting", "data"), True, False)],
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
