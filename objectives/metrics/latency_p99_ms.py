"""Milliseconds that one run in a hundred exceeds; :mod:`tightfit.objectives.tail` measures them."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="latency_p99_ms",
    unit="ms",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="99th percentile of single runs, beside the baseline's; off until a limit or an "
    "objective names it",
)
