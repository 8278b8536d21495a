"""What the report says, in the order in which it says it; the template only sets it in type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from tightfit import Measurement, Metric, Outcome
from tightfit.studies import wording
from tightfit.studies.cells import MISSING, Cell, bounds, cell
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
_VARYING = re.compile(r"(?<!\w)(?:[A-Za-z]:)?[/\\][^\s'\":,;]+|\b[0-9a-f]{8,}\b|\d+(?:[.,]\d+)*")
"""Paths, digests and numbers: what errors of the same kind differ in."""


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
class Failure:
    """Trials that failed of the same: their errors differ in numbers and paths alone.

    Attributes:
        trials: How many.
        example: The first one's error.
    """

    trials: int
    example: str

    @property
    def words(self) -> str:
        """What the page says of them."""
        return (
            self.example if self.trials == 1 else f"{self.trials} trials, the first: {self.example}"
        )


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
    failures: tuple[Failure, ...]
    chosen: str
    settings: tuple[tuple[str, str], ...]
    metrics: tuple[MetricRow, ...]
    versions: tuple[tuple[str, str], ...]
    exported: str

    @property
    def exporting(self) -> str:
        """The command that hands a member over, as a shell takes it."""
        return shlex.join(["tightfit", "export", self.folder, "--to", "DIR"])


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
        headings=headings(results),
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
    """Return the metrics that this run reads, those that matter in it first.

    One that no network has a reading of is left out, unless the run limits or optimizes it.
    """
    read = {name for record in results.records for name in record.measurement}
    read |= {name for record in results.references for name in record.measurement}
    read |= set(results.baseline)
    names = dict.fromkeys(
        [*shown_metrics(results), *(name for name in results.metrics if name in read)]
    )
    return tuple(results.metrics[name] for name in names)


def groups(results: Results) -> tuple[Group, ...]:
    """Return the networks of the table by role."""
    rows, metrics = front_rows(results), ordered_metrics(results)
    return tuple(
        Group(_GROUPS[role], tuple(_row(results, metrics, row) for row in some))
        for role, some in groupby(rows, key=lambda row: row.role)
    )


def _row(results: Results, metrics: tuple[Metric, ...], row: FrontRow) -> Row:
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
            cell(results, metric, row.measurement, baseline=baseline) for metric in metrics
        ),
    )


def headings(results: Results) -> tuple[Heading, ...]:
    """Return what stands above the columns of the table, one for each of the ordered metrics."""
    shown = [row.measurement for row in front_rows(results)]
    return tuple(
        Heading(
            wording.title(metric),
            wording.unit(metric),
            ", ".join(bounds(results, metric, shown)),
        )
        for metric in ordered_metrics(results)
    )


def _tiles(results: Results, picked: Standing) -> tuple[Tile, ...]:
    tiles = []
    for name in shown_metrics(results):
        metric = results.metrics[name]
        found = cell(results, metric, picked.record.measurement)
        of = " of the baseline" if not wording.is_difference(metric) else " from the baseline"
        words = found.beside + of if found.beside else ""
        limits = ", ".join(bounds(results, metric, [picked.record.measurement]))
        tiles.append(Tile(wording.title(metric), limits, found, words))
    return tuple(tiles)


def _failures(results: Results) -> tuple[Failure, ...]:
    """Return the failures by kind, the most frequent first."""
    by_kind: dict[str, list[str]] = {}
    for record in results.records:
        if record.outcome is Outcome.FAILED:
            by_kind.setdefault(_VARYING.sub("…", record.reason), []).append(record.reason)
    found = [Failure(len(reasons), reasons[0]) for reasons in by_kind.values()]
    return tuple(sorted(found, key=lambda each: -each.trials))


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
