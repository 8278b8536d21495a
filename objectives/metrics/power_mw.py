"""A proxy of the mean power: the energy of the pictures of a second, and the idle machine."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

METRIC = Metric(
    name="power_mw",
    unit="mW",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.ESTIMATED,
    summary="energy_mj * rate_hz + idle_mw of the profile",
)


def from_energy(energy: FloatArray, profile: DeviceProfile) -> FloatArray:
    """Return the milliwatts of a batch from its millijoules a picture, both ``[n]``."""
    return energy * profile.rate_hz + profile.idle_mw
