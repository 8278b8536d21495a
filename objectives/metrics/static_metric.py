"""A metric that follows from a blueprint alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.metric import Kind, Metric
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

Totals: TypeAlias = Mapping[Quantity, FloatArray]
Formula: TypeAlias = Callable[[Totals, DeviceProfile], FloatArray]


@dataclass(frozen=True, slots=True)
class StaticMetric:
    """A metric with the formula that gives it for a batch of blueprints.

    Attributes:
        metric: What is computed. Where its stage is a later one, the static reading is a
            prediction that the later reading replaces.
        quantities: The totals that it is made of. Metrics can share them.
        formula: From their totals ``[n]`` to the metric in its unit ``[n]``; cheap.
        kind: Of the static reading.
        relative_error, absolute_error: How far the later reading may lie from a prediction, as a
            share of the value or in the metric's unit, whichever is more. A prediction breaks a
            limit only beyond that.
        turn: For a profile, the quantity and its last value up to which the formula is linear in
            all totals; beyond it is linear, too, with other weights. ``None`` where the formula is
            linear everywhere.
    """

    metric: Metric
    quantities: tuple[Quantity, ...]
    formula: Formula
    kind: Kind
    relative_error: float = 0.0
    absolute_error: float = 0.0
    turn: Callable[[DeviceProfile], tuple[Quantity, float]] | None = None

    def compute(self, blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
        """Return the metric of a batch, in its unit, ``[n]``."""
        totals = {quantity: quantity(blueprint, profile) for quantity in self.quantities}
        return self.formula(totals, profile)

    def nearest(self, bound: float, *, upper: bool) -> float:
        """Return the prediction beyond which a bound on the final value is certainly broken.

        Args:
            bound: On the final value.
            upper: Whether it may be at most, or at least, so much.
        """
        if upper:
            return max(bound / (1 - self.relative_error), bound + self.absolute_error)
        return min(bound / (1 + self.relative_error), bound - self.absolute_error)

    def error(self, values: FloatArray) -> FloatArray:
        """Return the largest expected distance of the final values from these ``[n]``, ``[n]``."""
        return np.maximum(self.relative_error * np.abs(values), self.absolute_error)
