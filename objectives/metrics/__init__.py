"""Every metric that Tightfit has by itself, except the quality that the task defines.

A new one is a file beside these with ``METRIC`` and a function that gives it, and a line here.
"""

from __future__ import annotations

from collections.abc import Sequence

from tightfit.blueprint import Blueprint
from tightfit.metric import Kind, Metric
from tightfit.objectives.metrics import (
    energy_mj,
    flash_kb,
    latency_ms,
    macs,
    params,
    power_mw,
    ram_kb,
    size_kb,
)
from tightfit.objectives.metrics.size_kb import SIZE_ERROR, SIZE_ERROR_KB
from tightfit.objectives.metrics.static_metric import Cost, StaticMetric
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

STATIC_METRICS = (
    StaticMetric(params.METRIC, params.compute, Kind.COUNTED),
    StaticMetric(macs.METRIC, macs.compute, Kind.COUNTED),
    StaticMetric(size_kb.METRIC, size_kb.compute, Kind.ESTIMATED, SIZE_ERROR, SIZE_ERROR_KB),
    StaticMetric(flash_kb.METRIC, size_kb.compute, Kind.ESTIMATED, SIZE_ERROR, SIZE_ERROR_KB),
    StaticMetric(ram_kb.METRIC, ram_kb.compute, Kind.COMPUTED),
    StaticMetric(energy_mj.METRIC, energy_mj.compute, Kind.ESTIMATED),
    StaticMetric(power_mw.METRIC, energy_mj.compute, Kind.ESTIMATED, finish=power_mw.from_energy),
)
"""What follows from a blueprint, or is predicted from it."""

METRICS: tuple[Metric, ...] = (
    *(static.metric for static in STATIC_METRICS),
    latency_ms.METRIC,
)
"""In the order in which they are shown."""


def compute_static(
    blueprint: Blueprint,
    profile: DeviceProfile,
    *,
    metrics: Sequence[StaticMetric] = STATIC_METRICS,
) -> dict[str, FloatArray]:
    """Return static metrics of a batch by name, each ``[n]``."""
    costs: dict[Cost, FloatArray] = {}
    for static in metrics:
        if static.cost not in costs:
            costs[static.cost] = static.cost(blueprint, profile)
    return {static.metric.name: static.finish(costs[static.cost], profile) for static in metrics}


__all__ = [
    "METRICS",
    "SIZE_ERROR",
    "SIZE_ERROR_KB",
    "STATIC_METRICS",
    "StaticMetric",
    "compute_static",
]
