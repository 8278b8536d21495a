"""A metric that follows from a blueprint alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.metric import Kind, Metric
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

Cost: TypeAlias = Callable[[Blueprint, DeviceProfile], FloatArray]
Finish: TypeAlias = Callable[[FloatArray, DeviceProfile], FloatArray]


def unchanged(values: FloatArray, _profile: DeviceProfile) -> FloatArray:
    """Return the values as they were computed."""
    return values


@dataclass(frozen=True, slots=True)
class StaticMetric:
    """A metric with the formula that gives it for a batch of blueprints.

    Attributes:
        metric: What is computed. Where its stage is a later one, the static reading is a
            prediction that the later reading replaces.
        cost: Blueprint and profile to values ``[n]``. Metrics of one cost can share it.
        kind: Of the static reading.
        relative_error, absolute_error: How far the later reading may lie from a prediction, as a
            share of the value or in the metric's unit, whichever is more. A prediction breaks a
            limit only beyond that.
        finish: From the cost to the metric; cheap.
    """

    metric: Metric
    cost: Cost
    kind: Kind
    relative_error: float = 0.0
    absolute_error: float = 0.0
    finish: Finish = unchanged

    def compute(self, blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
        """Return the metric of a batch, in its unit, ``[n]``."""
        return self.finish(self.cost(blueprint, profile), profile)

    def error(self, values: FloatArray) -> FloatArray:
        """Return the largest expected distance of the final values from these ``[n]``, ``[n]``."""
        return np.maximum(self.relative_error * np.abs(values), self.absolute_error)
