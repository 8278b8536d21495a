"""What the report says, in the order in which it says it; the template only sets it in type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from tightfit import Measurement, Metric, Outcome
from tightfit.studies import wording
from tightfit.studies.cells import MISSING, Cell, cell
from tightfit.studies.figures import hypervolume_caption, hypervolume_over_trials, layers
from tightfit.studies.final import Final
from tightfit.studies.gains import gain_lines
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, misses, standings
from tightfit.studies.tables import BASELINE, NEAREST, FrontRow, front_rows
from tightfit.studies.tested import TestedRow, final_words, shrinkage_words, tested_rows
from tightfit.studies.verdict import advice, comparisons, headline, shown_metrics, worth

_GROUPS = {
    BASELINE: "baseline",
    "member": "on the front, best first",
    "miss": "nearest to keeping all limits",
    "reference": "references",
}
_STAGES = {
    "static": "before building",
    "runtime": "before training",
    "learned": "after training",
}


@dataclass(frozen=True, slots=True)
class Tile:
    """One metric of the chosen member, large."""

    title: str
    bound: str
    cell: Cell
    words: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A metric's column of the table of networks."""

    title: str
    unit: str
    bound: str


@dataclass(frozen=True, slots=True)
class Row:
    """A network of the table; ``sort`` orders the first column, ``by`` is who proposed it."""

    key: str
    name: str
    sort: str
    by: str
    picks: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Networks of one role."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric with where it comes from."""

    name: str
    kind: str
    stage: str
    baseline: str
    chosen: str
    summary: str
    better: str


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything of the report but its figures, in words."""

    name: str
    state: str
    folder: str
    headline: str
    advice: tuple[str, ...]
    tiles: tuple[Tile, ...]
    headings: tuple[Heading, ...]
    groups: tuple[Group, ...]
    binding: tuple[str, ...]
    worth: tuple[str, ...]
    quality: str
    tested: tuple[TestedRow, ...]
    untested: str
    shrinkage: str
    hypervolume: str
    failures: tuple[str, ...]
    chosen: str
    settings: tuple[tuple[str, str], ...]
    metrics: tuple[MetricRow, ...]
    versions: tuple[tuple[str, str], ...]
    exported: str


def report_page(
    results: Results, picked: Standing | None, *, final: Final | None, versions: Mapping[str, str]
) -> ReportPage:
    """Return the words of the report.

    Args:
        results: Of the run.
        picked: The chosen member; ``None`` when the front is empty.
        final: Readings on the test split, if there are any.
        versions: By name of the library.
    """
    everyone = standings(results)
    taken = None if picked is None else layers(results.space, picked.record.candidate)
    near = () if picked is not None else misses(everyone, NEAREST)
    quality = results.metrics[final.metric if final else results.objectives[0].metric]
    return ReportPage(
        name=results.name,
        state=state(results),
        folder=str(results.folder),
        headline=headline(results, picked) + final_words(quality, picked, final),
        advice=tuple(advice(results, each) for each in near),
        tiles=() if picked is None else _tiles(results, picked),
        headings=tuple(_heading(results, metric) for metric in ordered_metrics(results)),
        groups=groups(results),
        binding=tuple(wording.capital(line) + "." for line in gain_lines(results)),
        worth=worth(results, comparisons(results, everyone)) if picked is not None else (),
        quality=wording.title(quality),
        tested=() if final is None else tested_rows(quality, results, everyone, final),
        untested=final.reason if final else "this run has no test split, or none was evaluated.",
        shrinkage="" if final is None else shrinkage_words(quality, results, everyone, final),
        hypervolume=hypervolume_caption(hypervolume_over_trials(results)),
        failures=_failures(results),
        chosen="" if picked is None else wording.capital(picked.name),
        settings=() if taken is None else taken.settings,
        metrics=tuple(_metric_row(results, each, picked) for each in ordered_metrics(results)),
        versions=tuple(versions.items()),
        exported="nothing, as no trial is feasible" if picked is None else "the knee of the front",
    )


def state(results: Results) -> str:
    """Return how far the run is: ``finished, 31 trials trained``, and why it got no further."""
    trained = sum(record.trained for record in results.records)
    words = f"{trained} trials trained" if trained != 1 else "1 trial trained"
    how = "finished" if results.finished else "not finished"
    why = f": {results.ending.message}" if results.ending and results.ending.early else ""
    return f"{how}, {words}{why}"


def ordered_metrics(results: Results) -> tuple[Metric, ...]:
    """Return every metric, those that matter in this run first."""
    names = dict.fromkeys([*shown_metrics(results), *results.metrics])
    return tuple(results.metrics[name] for name in names)


def groups(results: Results) -> tuple[Group, ...]:
    """Return the networks of the table by role."""
    rows = front_rows(results)
    return tuple(
        Group(_GROUPS[role], tuple(_row(results, row) for row in some))
        for role, some in groupby(rows, key=lambda row: row.role)
    )


def _row(results: Results, row: FrontRow) -> Row:
    baseline = row.role == BASELINE
    trial = row.trial is not None
    return Row(
        key=row.key,
        name=row.name,
        # Trials are sorted by number, the others by name and behind them.
        sort=str(row.trial) if trial else row.name,
        by=row.origin if trial else "",
        picks=row.picks,
        cells=tuple(
            cell(results, metric, row.measurement, baseline=baseline)
            for metric in ordered_metrics(results)
        ),
    )


def _heading(results: Results, metric: Metric) -> Heading:
    return Heading(wording.title(metric), wording.unit(metric), bound(results, metric))


def bound(results: Results, metric: Metric) -> str:
    """Return the limits on a metric without its name: ``≤ 894 kB``."""
    return ", ".join(
        f"{wording.sign(each)} {wording.quantity(metric, each.bound)}"
        for each in results.constraints
        if each.metric == metric.name
    )


def _tiles(results: Results, picked: Standing) -> tuple[Tile, ...]:
    tiles = []
    for name in shown_metrics(results):
        metric = results.metrics[name]
        found = cell(results, metric, picked.record.measurement)
        of = " of the baseline" if not wording.is_difference(metric) else " from the baseline"
        words = found.beside + of if found.beside else ""
        tiles.append(Tile(wording.title(metric), bound(results, metric), found, words))
    return tuple(tiles)


def _failures(results: Results) -> tuple[str, ...]:
    failed = (record for record in results.records if record.outcome is Outcome.FAILED)
    return tuple(dict.fromkeys(record.reason for record in failed))


def _metric_row(results: Results, metric: Metric, picked: Standing | None) -> MetricRow:
    return MetricRow(
        name=metric.name,
        kind=metric.kind.value,
        stage=_STAGES[metric.stage.value],
        baseline=_reading(metric, results.baseline),
        chosen="" if picked is None else _reading(metric, picked.record.measurement),
        summary=metric.summary,
        better=wording.better(metric),
    )


def _reading(metric: Metric, measurement: Measurement) -> str:
    if metric.name not in measurement:
        return MISSING
    return wording.reading_text(metric, measurement[metric.name])
