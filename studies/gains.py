"""What one per cent more of each limit would give: kept beside a run's records, said in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tightfit import Constraint, Sense
from tightfit.objectives.artifact.files import write_atomically
from tightfit.search.binding import Gain
from tightfit.search.forecast import LEVEL
from tightfit.studies import wording
from tightfit.studies.kept import read_kept
from tightfit.studies.results import Results

VERSION = 2


def keep_gains(path: Path, found: Sequence[Gain]) -> None:
    """Write what limits give, whole or not at all."""
    rows = [
        {
            "metric": each.limit.metric,
            "sense": each.limit.sense.value,
            "bound": each.limit.bound,
            "value": each.value,
            "low": each.low,
            "high": each.high,
        }
        for each in found
    ]
    values = {"version": VERSION, "gains": rows}
    write_atomically(path, json.dumps(values, indent=1).encode())


def read_gains(path: Path) -> tuple[Gain, ...]:
    """Return what was kept; nothing where nothing was.

    Raises:
        SpecError: The file is damaged, or a newer version wrote it.
    """
    cure = "remove it, and 'tightfit run' makes it anew of the run's records"
    return read_kept(path, _gains, cure=cure, versions=(1, VERSION)) or ()


def _gains(values: Any) -> tuple[Gain, ...]:
    # The first version kept the rows alone.
    rows = values["gains"] if isinstance(values, dict) else values
    return tuple(
        Gain(
            Constraint(each["metric"], Sense(each["sense"]), each["bound"]),
            each["value"],
            each["low"],
            each["high"],
        )
        for each in rows
    )


def gain_lines(results: Results) -> tuple[str, ...]:
    """Return a sentence for each limit, the one that binds most first; none without a model."""
    ordered = sorted(results.gains, key=lambda each: (not each.measurable, -each.value))
    return tuple(_line(results, each) for each in ordered)


def gains_json(results: Results) -> list[dict[str, Any]]:
    """Return the same as JSON values."""
    return [
        {
            "limit": str(each.limit),
            "metric": results.quality.name,
            "kind": "predicted",
            "per_percent": each.value,
            "low": each.low,
            "high": each.high,
            "level": LEVEL,
            "measurable": each.measurable,
        }
        for each in results.gains
    ]


def _line(results: Results, gain: Gain) -> str:
    name = wording.limit(gain.limit, results.metrics[gain.limit.metric])
    quality = results.quality
    scale, unit = (100.0, " points") if wording.is_share(quality) else (1.0, "")
    low, high = (wording.signed(scale * each, 3) for each in (gain.low, gain.high))
    value = f"{wording.signed(scale * gain.value, 3)} ({low} to {high}){unit}"
    title = wording.title(quality)
    if gain.measurable:
        return f"one per cent more of {name}: {value} of {title}, as predicted"
    why = f"{value} as predicted"
    if gain.low == gain.high == 0:
        why = "the best that is predicted stays what it is"
    return f"one per cent more of {name}: no gain of {title} can be told, {why}"
