"""Multiply-accumulates of the layers with weights."""

from __future__ import annotations

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

METRIC = Metric(
    name="macs",
    unit="",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COUNTED,
    summary="multiply-accumulates of the weights for one picture",
)


def compute(blueprint: Blueprint, _profile: DeviceProfile) -> FloatArray:
    """Return the multiply-accumulates of a batch, ``[n]``."""
    return blueprint.macs.astype(np.float64)
