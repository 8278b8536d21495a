"""Trainable parameters of the torch module."""

from __future__ import annotations

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

METRIC = Metric(
    name="params",
    unit="",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COUNTED,
    summary="trainable parameters of the network",
)


def compute(blueprint: Blueprint, _profile: DeviceProfile) -> FloatArray:
    """Return the parameters of a batch, ``[n]``."""
    return blueprint.params.astype(np.float64)
