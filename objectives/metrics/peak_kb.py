"""Kilobytes of memory at the worst moment; taken by :mod:`tightfit.objectives.footprint`."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="peak_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="highest resident memory of a new process that loads and runs the file, above the "
    "empty runtime; off until a limit or an objective names it",
)
