"""Milliseconds from the file to the first answer; taken by :mod:`tightfit.objectives.footprint`."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="load_ms",
    unit="ms",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="from the file to the first answer in a new process, beside the baseline's; off until "
    "a limit or an objective names it",
)
