"""What a point says of itself under the pointer."""

from __future__ import annotations

import textwrap
from collections import Counter
from html import escape

from tightfit import Measurement, SearchSpace
from tightfit.studies import wording
from tightfit.studies.results import Results
from tightfit.studies.standing import Place, Standing
from tightfit.studies.verdict import shown_metrics, stopped_by

_MAX_VALUES = 4
_WIDTH = 60
_MAX_LINES = 4


def hover_text(results: Results, standing: Standing) -> str:
    """Return the network's name, readings and main choices as lines of plotly's markup."""
    heading = f"<b>{escape(standing.name)}</b>"
    if standing.trial is not None:
        heading += f" · {escape(standing.record.origin)}"
    heading += f" · {', '.join(standing.picks) or standing.place.value}"
    lines = [heading, *reading_lines(results, standing.record.measurement)]
    if standing.place in (Place.SCREENED, Place.STOPPED, Place.FAILED):
        lines += _folded(stopped_by(results, standing.record))
    if standing.trial is not None:
        lines += ["", *main_choices(results.space, standing)]
    return "<br>".join(lines)


def baseline_text(results: Results) -> str:
    """Return the same of the uncompressed network."""
    names = [name for name in _order(results) if name in results.baseline]
    lines = [
        f"{escape(wording.title(results.metrics[name]))} "
        f"{wording.reading_text(results.metrics[name], results.baseline[name])}"
        for name in names
    ]
    return "<br>".join(["<b>baseline</b>", *lines])


def reading_lines(results: Results, measurement: Measurement) -> list[str]:
    """Return a line for every reading: value, error, unit, and what it is of the baseline."""
    lines = []
    for name in _order(results):
        if name in measurement:
            metric, reading = results.metrics[name], measurement[name]
            line = f"{escape(wording.title(metric))} {wording.reading_text(metric, reading)}"
            if name in results.baseline:
                beside = wording.relation(metric, reading.value, results.baseline.value(name))
                line += f" ({beside})"
            lines.append(line)
    return lines


def main_choices(space: SearchSpace, standing: Standing) -> list[str]:
    """Return by technique what was chosen how often: ``bits 8 ×3, 4 ×5``."""
    by_technique: dict[str, Counter[str]] = {}
    sites = Counter(hparam.name.rpartition(".")[2] for hparam in space.hparams)
    for full_name, value in space.choices(standing.record.candidate).items():
        technique = full_name.rpartition(".")[2]
        # A setting of the whole network keeps its full name.
        name = technique if sites[technique] > 1 else full_name
        by_technique.setdefault(name, Counter())[wording.choice(value)] += 1
    lines = []
    for name, values in by_technique.items():
        common = values.most_common(_MAX_VALUES)
        parts = [f"{value} ×{n}" if len(values) > 1 else value for value, n in common]
        more = ", …" if len(values) > _MAX_VALUES else ""
        lines.append(f"{escape(name)} {escape(', '.join(parts))}{more}")
    return lines


def _folded(words: str) -> list[str]:
    """Return words as lines that fit a figure: an error may be as long as its paths are."""
    lines = [escape(line) for line in textwrap.wrap(words, _WIDTH)]
    more = [f"{lines[_MAX_LINES - 1]} …"] if len(lines) > _MAX_LINES else lines[_MAX_LINES - 1 :]
    return lines[: _MAX_LINES - 1] + more


def _order(results: Results) -> list[str]:
    return [*dict.fromkeys([*shown_metrics(results), *results.metrics])]
