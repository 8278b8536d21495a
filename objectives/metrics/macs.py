"""Multiply-accumulates: of weights, and of activations with each other, as in attention."""

from __future__ import annotations

from collections.abc import Iterator

from tightfit.blueprint import Blueprint
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import Totals
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray, IntArray

METRIC = Metric(
    name="macs",
    unit="",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COUNTED,
    summary="multiply-accumulates for one picture, of weights and of activations with each other",
)


def _macs(blueprint: Blueprint, _profile: DeviceProfile) -> Iterator[IntArray]:
    for operation in blueprint.operations:
        yield operation.macs


MACS = Quantity(_macs)


def formula(totals: Totals, _profile: DeviceProfile) -> FloatArray:
    """Return the multiply-accumulates of a batch, ``[n]``."""
    return totals[MACS]
