"""Memory that keeps the network while the machine is off: the file."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.size_kb import compute

__all__ = ["METRIC", "compute"]

METRIC = Metric(
    name="flash_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.COUNTED,
    summary="the file in the device's flash memory: its bytes",
)
