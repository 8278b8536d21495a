"""A proxy of the mean power: the energy of the pictures of a second, and the idle machine."""

from __future__ import annotations

from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics import energy_mj
from tightfit.objectives.metrics.static_metric import Totals
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


def formula(totals: Totals, profile: DeviceProfile) -> FloatArray:
    """Return the milliwatts of a batch, ``[n]``."""
    return energy_mj.formula(totals, profile) * profile.rate_hz + profile.idle_mw
