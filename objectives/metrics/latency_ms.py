"""Milliseconds of one run of the file; :mod:`tightfit.objectives.latency` measures them."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="latency_ms",
    unit="ms",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="one run of the file in its runtime, of one picture or of device.batch at once, beside "
    "the baseline's file",
)
