"""Seconds that a device needs to receive the file: ``download_kb`` over its profile's link."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.profile import DeviceProfile

METRIC = Metric(
    name="download_s",
    unit="s",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.COMPUTED,
    summary="download_kb over the link of the device's profile, link_kbps",
)


def seconds(download_kb: float, profile: DeviceProfile) -> float:
    """Return how long ``download_kb`` kilobytes (of 8,000 bits) take over the profile's link."""
    return 8 * download_kb / profile.link_kbps
