"""Memory that keeps the network while the machine is off: it holds the file, see ``size_kb``."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage

METRIC = Metric(
    name="flash_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.COUNTED,
    summary="the file in the device's flash memory: its bytes",
)
