"""The front beside the baseline and the references: as plain rows, and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich.console import Group, RenderableType
from rich.text import Text

from tightfit import Measurement, Metric
from tightfit.hparam import Choice
from tightfit.studies import wording
from tightfit.studies.cells import NOISY_MARK, NOISY_WORDS, bounds, cell
from tightfit.studies.gains import gain_lines
from tightfit.studies.network_table import MetricColumn, NetworkLabel, NetworkTable
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, members, misses, standings
from tightfit.studies.verdict import advice, headline, shown_metrics

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Scalar: TypeAlias = bool | int | float | str | None

BASELINE = "baseline"
NEAREST = 3


@dataclass(frozen=True, slots=True)
class FrontRow:
    """One network of the table.

    Attributes:
        role: ``baseline``, ``member``, ``reference`` or ``miss``.
        key: Of its standing; empty for the baseline.
        name: ``trial 12``, or what a network outside the space is called.
        trial: Its number in the run, if it has one.
        origin: Who proposed it.
        picks: Names that ``--pick`` knows it by.
        feasible: Whether it keeps every limit; ``None`` for the baseline, which need not.
        outcome: How its evaluation ended.
        measurement: All that was read of it.
        violations: By limit, positive is broken.
        within_noise: Limits that its value keeps, while its 95 % interval reaches over them.
        choices: Of every hparam; empty for networks outside the space.
        inherited_from: The trial whose weights its training began with; ``None`` is the baseline.
    """

    role: str
    key: str
    name: str
    trial: int | None
    origin: str
    picks: tuple[str, ...]
    feasible: bool | None
    outcome: str
    measurement: Measurement
    violations: dict[str, float]
    within_noise: tuple[str, ...]
    choices: dict[str, Choice]
    inherited_from: int | None = None

    def to_json(self, metrics: dict[str, Metric], baseline: Measurement) -> dict[str, Json]:
        """Return the row as JSON values: every reading with its unit and kind."""
        readings: dict[str, Json] = {}
        for name in self.measurement:
            reading = self.measurement[name]
            readings[name] = {
                "value": reading.value,
                "stderr": reading.stderr,
                "interval": [reading.interval.low, reading.interval.high],
                "unit": metrics[name].unit if name in metrics else "",
                "kind": reading.kind.value,
                "of_baseline": _of_baseline(name, reading.value, baseline),
            }
        return {
            "role": self.role,
            "name": self.name,
            "trial": self.trial,
            "origin": self.origin,
            "inherited_from": self.inherited_from,
            "picks": list(self.picks),
            "feasible": self.feasible,
            "outcome": self.outcome,
            "metrics": readings,
            "violations": dict(self.violations),
            "within_noise": list(self.within_noise),
            "choices": dict(self.choices),
        }

    def flat(self) -> dict[str, Scalar]:
        """Return the row as scalars, for data frames: ``accuracy`` and ``accuracy_stderr``."""
        row: dict[str, Scalar] = {
            "role": self.role,
            "name": self.name,
            "trial": self.trial,
            "origin": self.origin,
            "picks": " ".join(self.picks),
            "feasible": self.feasible,
        }
        for name in self.measurement:
            row[name] = self.measurement[name].value
            row[f"{name}_stderr"] = self.measurement[name].stderr
        return row | self.choices


def front_rows(results: Results) -> tuple[FrontRow, ...]:
    """Return the baseline, the front (or the nearest misses) and the references, in that order."""
    everyone = standings(results)
    on_front = members(everyone)
    shown = [(each, "member") for each in on_front]
    if not on_front:
        shown = [(each, "miss") for each in misses(everyone, NEAREST)]
    keys = {each.key for each, _ in shown}
    shown += [(each, "reference") for each in everyone if each.reference and each.key not in keys]
    rows = [_baseline_row(results)]
    rows += [_row(results, each, role) for each, role in shown]
    return tuple(rows)


def front_table(results: Results) -> RenderableType:
    """Return the table for a terminal.

    Every metric stands with its standard error and, where the terminal is wide enough, beside the
    baseline. A value that breaks its limit is marked with ``✗``, one that keeps it within noise
    with ``≈``.

    When no trial is feasible it shows the nearest misses, and says what would have to be relaxed.
    """
    rows = front_rows(results)
    labels = [
        NetworkLabel(
            trial="" if row.trial is None else str(row.trial),
            origin=row.origin,
            picks=row.picks,
            style="bold" if row.picks else "dim" if row.feasible is False else "none",
            ends=position + 1 == len(rows) or rows[position + 1].role != row.role,
        )
        for position, row in enumerate(rows)
    ]
    columns = [_column(results, results.metrics[name], rows) for name in shown_metrics(results)]
    table = NetworkTable(tuple(labels), tuple(columns))
    return _with_advice(results, _with_marks(table))


def _column(results: Results, metric: Metric, rows: Sequence[FrontRow]) -> MetricColumn:
    return MetricColumn(
        name=metric.name,
        unit=wording.unit(metric),
        bounds=bounds(results, metric, [row.measurement for row in rows]),
        cells=tuple(
            cell(results, metric, row.measurement, baseline=row.role == BASELINE) for row in rows
        ),
    )


def _with_marks(table: NetworkTable) -> RenderableType:
    """Return the table with what the mark of noise means, where it stands."""
    if not any(each.noisy for column in table.columns for each in column.cells):
        return table
    return Group(table, Text(f"{NOISY_MARK} {NOISY_WORDS}", "dim"))


def _with_advice(results: Results, table: RenderableType) -> RenderableType:
    everyone = standings(results)
    if members(everyone):
        found = [wording.capital(line) + "." for line in gain_lines(results)]
        return Group(table, Text("\n".join(found))) if found else table
    lines = [headline(results, None)]
    near = misses(everyone, NEAREST)
    if near:
        lines.append("Nearest to it:")
        lines += [f"  {advice(results, each)}" for each in near]
    return Group(table, Text("\n".join(lines)))


def _baseline_row(results: Results) -> FrontRow:
    return FrontRow(
        role=BASELINE,
        key="",
        name=BASELINE,
        trial=None,
        origin=BASELINE,
        picks=(),
        feasible=None,
        outcome="evaluated",
        measurement=results.baseline,
        violations={},
        within_noise=(),
        choices={},
    )


def _row(results: Results, standing: Standing, role: str) -> FrontRow:
    record = standing.record
    return FrontRow(
        role=role,
        key=standing.key,
        name=standing.name,
        trial=standing.trial,
        origin=record.origin,
        picks=standing.picks,
        feasible=record.feasible,
        outcome=record.outcome.value,
        measurement=record.measurement,
        violations=dict(record.violations),
        within_noise=tuple(
            str(limit)
            for limit in results.constraints
            if limit.metric in record.measurement
            and limit.within_noise(record.measurement[limit.metric])
        ),
        choices={} if standing.trial is None else results.space.choices(record.candidate),
        inherited_from=results.donor(record),
    )


def _of_baseline(name: str, value: float, baseline: Measurement) -> float | None:
    if name not in baseline or baseline.value(name) == 0:
        return None
    return value / baseline.value(name)
