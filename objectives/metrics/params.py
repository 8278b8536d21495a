"""Trainable parameters of the torch module."""

from __future__ import annotations

from collections.abc import Iterator

from tightfit.blueprint import Blueprint
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import Totals
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray, IntArray

METRIC = Metric(
    name="params",
    unit="",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COUNTED,
    summary="trainable parameters of the network",
)


def _params(blueprint: Blueprint, _profile: DeviceProfile) -> Iterator[IntArray]:
    for operation in blueprint.operations:
        yield operation.params


PARAMS = Quantity(_params)


def formula(totals: Totals, _profile: DeviceProfile) -> FloatArray:
    """Return the parameters of a batch, ``[n]``."""
    return totals[PARAMS]
