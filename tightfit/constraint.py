"""Bounds that a candidate must keep.

Sign convention of the whole project: a violation is positive when the bound is broken, zero or
negative when it is kept. It is relative to the bound, so that kilobytes and milliseconds add up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tightfit.errors import SpecError
from tightfit.measurement import Measurement
from tightfit.space import FloatArray


class Sense(StrEnum):
    """On which side of the bound the metric must lie."""

    AT_MOST = "<="
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on one metric, e.g. ``Constraint("latency_ms", Sense.AT_MOST, 8.0)``.

    Raises:
        SpecError: The bound is zero or not finite.
    """

    metric: str
    sense: Sense
    bound: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.bound) or self.bound == 0.0:
            raise SpecError(
                f"the bound on {self.metric!r} must be finite and not 0, got {self.bound}"
            )

    def violation(self, measurement: Measurement) -> float:
        """Return how far the measurement breaks the bound, as a share of the bound.

        Raises:
            MeasurementError: The metric was not measured.
        """
        return self.excess(measurement.value(self.metric))

    def excess(self, value: float) -> float:
        """Return the violation of a value, as a share of the bound."""
        over = value - self.bound
        return (over if self.sense is Sense.AT_MOST else -over) / abs(self.bound)

    def violations(self, values: FloatArray) -> FloatArray:
        """Return the violations of a batch of values ``[n]``, ``[n]``."""
        over = (values - self.bound) / abs(self.bound)
        return over if self.sense is Sense.AT_MOST else -over

    def __str__(self) -> str:
        return f"{self.metric} {self.sense.value} {self.bound:g}"
