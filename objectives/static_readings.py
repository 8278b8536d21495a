"""Static metrics as readings."""

from __future__ import annotations

from tightfit import Blueprint, Reading, Stage
from tightfit.objectives.metrics import STATIC_METRICS, compute_static
from tightfit.objectives.profile import DeviceProfile


def static_readings(blueprint: Blueprint, profile: DeviceProfile) -> dict[str, Reading]:
    """Return the static metrics of a blueprint of one candidate as readings."""
    values = compute_static(blueprint, profile)
    return {
        static.metric.name: Reading(
            float(values[static.metric.name][0]), kind=static.kind, stage=Stage.STATIC
        )
        for static in STATIC_METRICS
    }
