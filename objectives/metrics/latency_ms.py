"""Milliseconds of one picture on the file; :mod:`tightfit.objectives.latency` measures them."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="latency_ms",
    unit="ms",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="one picture on the file in its runtime, beside the baseline's file",
)
