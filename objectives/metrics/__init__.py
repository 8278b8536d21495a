"""Every metric that Tightfit has by itself, except the quality that the task defines.

A new one is a file beside these with ``METRIC``, its totals over operations and the formula that
makes it of them, and a line here.
"""

from __future__ import annotations

from collections.abc import Sequence

from tightfit.blueprint import Blueprint
from tightfit.metric import Kind, Metric
from tightfit.objectives.metrics import (
    download_kb,
    download_s,
    energy_mj,
    flash_kb,
    latency_ms,
    latency_p99_ms,
    load_ms,
    macs,
    params,
    peak_kb,
    power_mw,
    ram_kb,
    size_kb,
)
from tightfit.objectives.metrics.ram_kb import KEPT, PEAK
from tightfit.objectives.metrics.size_kb import BYTES, SIZE_ERROR, SIZE_ERROR_KB
from tightfit.objectives.metrics.static_metric import StaticMetric
from tightfit.objectives.metrics.storage import WEIGHT_BYTES
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

STATIC_METRICS = (
    StaticMetric(params.METRIC, (params.PARAMS,), params.formula, Kind.COUNTED),
    StaticMetric(macs.METRIC, (macs.MACS,), macs.formula, Kind.COUNTED),
    StaticMetric(
        size_kb.METRIC, (BYTES,), size_kb.formula, Kind.ESTIMATED, SIZE_ERROR, SIZE_ERROR_KB
    ),
    StaticMetric(
        flash_kb.METRIC, (BYTES,), size_kb.formula, Kind.ESTIMATED, SIZE_ERROR, SIZE_ERROR_KB
    ),
    StaticMetric(ram_kb.METRIC, (PEAK, KEPT, WEIGHT_BYTES), ram_kb.formula, Kind.COMPUTED),
    StaticMetric(
        energy_mj.METRIC,
        energy_mj.QUANTITIES,
        energy_mj.formula,
        Kind.ESTIMATED,
        turn=energy_mj.turn,
    ),
    StaticMetric(
        power_mw.METRIC,
        energy_mj.QUANTITIES,
        power_mw.formula,
        Kind.ESTIMATED,
        turn=energy_mj.turn,
    ),
)
"""What follows from a blueprint, or is predicted from it."""

METRICS: tuple[Metric, ...] = (
    *(static.metric for static in STATIC_METRICS),
    download_kb.METRIC,
    download_s.METRIC,
    latency_ms.METRIC,
    *latency_ms.BY_RUNTIME.values(),
    latency_p99_ms.METRIC,
    load_ms.METRIC,
    peak_kb.METRIC,
)
"""In the order in which they are shown."""


def compute_static(
    blueprint: Blueprint,
    profile: DeviceProfile,
    *,
    metrics: Sequence[StaticMetric] = STATIC_METRICS,
) -> dict[str, FloatArray]:
    """Return static metrics of a batch by name, each ``[n]``."""
    totals = {
        quantity: quantity(blueprint, profile)
        for quantity in dict.fromkeys(each for static in metrics for each in static.quantities)
    }
    return {static.metric.name: static.formula(totals, profile) for static in metrics}


__all__ = [
    "METRICS",
    "SIZE_ERROR",
    "SIZE_ERROR_KB",
    "STATIC_METRICS",
    "StaticMetric",
    "compute_static",
]
