"""What the page says of one network, and of all of them."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from tightfit import Measurement, Metric
from tightfit.studies import wording
from tightfit.studies.cells import NOISY_WORDS, Cell, bounds, cell
from tightfit.studies.report_page import Row, groups, headings, ordered_metrics
from tightfit.studies.results import Results
from tightfit.studies.standing import Place, Standing
from tightfit.studies.verdict import advice, stopped_by

ROW = "row"
"""Kind of the buttons in the table of networks; their index is a standing's key."""
LINE = "line"
"""Kind of the lines that they stand in, with the same index."""


def member_panel(results: Results, standing: Standing | None) -> list[Component]:
    """Return the name and the readings of the network that is shown."""
    if standing is None:
        return [
            html.H2("No network yet"),
            html.P("The first feasible trial is shown here.", className="muted"),
        ]
    record = standing.record
    picks = [html.Span(name, className="pick") for name in standing.picks]
    words = standing.place.value
    if standing.trial is not None:
        words += f" · proposed by {record.origin}"
    parts: list[Component] = [
        html.H2([wording.capital(standing.name), *picks], id="member-name"),
        html.P(words, className="muted"),
    ]
    if record.reason:
        why = wording.capital(stopped_by(results, record))
        parts.append(html.P(why, className="broken"))
    elif standing.place is Place.INFEASIBLE:
        parts.append(html.P(advice(results, standing), className="broken"))
    rows = [
        _reading_row(results, metric, record.measurement)
        for metric in ordered_metrics(results)
        if metric.name in record.measurement
    ]
    if rows:
        parts.append(html.Table(html.Tbody(rows), className="readings"))
    return parts


def networks_table(results: Results, shown: str | None) -> html.Table:
    """Return the table of networks; the first cell of a row is a button that shows it."""
    titles = [html.Th("network")]
    for metric, heading in zip(ordered_metrics(results), headings(results), strict=True):
        limit = html.Span(heading.bound, className="bound")
        titles.append(html.Th([wording.axis_title(metric), limit], className="number"))
    bodies = []
    for group in groups(results):
        title = html.Tr(html.Td(group.title, colSpan=len(titles)), className="group")
        bodies.append(html.Tbody([title, *(_network_row(row, shown) for row in group.rows)]))
    return html.Table([html.Thead(html.Tr(titles)), *bodies], className="networks")


def _reading_row(results: Results, metric: Metric, measurement: Measurement) -> html.Tr:
    found = cell(results, metric, measurement)
    limit = ", ".join(bounds(results, metric, [measurement]))
    return html.Tr(
        [
            html.Th([wording.title(metric), html.Span(limit, className="bound")], scope="row"),
            _value(found),
            html.Td([found.unit], className="unit"),
        ]
    )


def _network_row(row: Row, shown: str | None) -> html.Tr:
    picks = [html.Span(name, className="pick") for name in row.picks]
    name: str | Component = row.name
    if row.key:
        name = html.Button(row.name, id={"kind": ROW, "key": row.key}, className="link", n_clicks=0)
    by = [html.Span(row.by, className="beside")] if row.by else []
    cells = [html.Td([name, *picks, *by]), *(_value(each) for each in row.cells)]
    if not row.key:
        return html.Tr(cells)
    return html.Tr(
        cells,
        id={"kind": LINE, "key": row.key},
        className="shown" if row.key == shown else "",
    )


def _value(found: Cell) -> html.Td:
    title = "breaks its limit" if found.broken else NOISY_WORDS
    mark = [html.Span(f"{found.mark} ", className="mark", title=title)] if found.mark else []
    return html.Td(
        [
            *mark,
            f"{found.value} ",
            html.Span(found.spread, className="spread"),
            html.Span(found.beside, className="beside"),
        ],
        className="number broken" if found.broken else "number",
    )
