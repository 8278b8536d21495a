"""Milliseconds of one run of the file; :mod:`tightfit.objectives.latency` measures them.

``latency_ms`` is that of the runtime which a study serves its network with. Those of the others,
``latency_ms.openvino``, are measured beside it where a limit or an objective names them.
"""

from __future__ import annotations

from dataclasses import replace

from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.runtimes import RUNTIMES

METRIC = Metric(
    name="latency_ms",
    unit="ms",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.MEASURED,
    summary="one run of the file in its runtime, of one picture or of device.batch at once, beside "
    "the baseline's file",
)

BY_RUNTIME = {
    name: replace(
        METRIC,
        name=f"{METRIC.name}.{name}",
        summary=f"one run in {name}, beside the baseline's in {name}; off until a limit or an "
        "objective names it",
    )
    for name, runtime in RUNTIMES.items()
    if runtime.timed
}
"""By the runtime that it is measured in."""
