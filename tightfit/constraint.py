"""Bounds that a candidate must keep.

Sign convention of the whole project: a violation is positive when the bound is broken, zero or
negative when it is kept. It is relative to the bound, so that kilobytes and milliseconds add up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from tightfit.errors import SpecError
from tightfit.measurement import Measurement
from tightfit.metric import Kind
from tightfit.reading import Reading
from tightfit.space import FloatArray

Value = TypeVar("Value", float, FloatArray)


class Sense(StrEnum):
    """On which side of the bound the metric must lie."""

    AT_MOST = "<="
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on one metric, e.g. ``Constraint("latency_ms", Sense.AT_MOST, 8.0)``.

    Attributes:
        metric: Its name.
        sense: On which side of the bound it must lie.
        bound: In the metric's unit.
        confident: Whether the whole 95 % interval of what is measured must keep the bound, and not
            its value alone.

    Raises:
        SpecError: The bound is zero or not finite.
    """

    metric: str
    sense: Sense
    bound: float
    confident: bool = False

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
        return self.excess(self.judged(measurement[self.metric]))

    def judged(self, reading: Reading) -> float:
        """Return what is held against the bound: the value, or the interval's worse end."""
        if self.confident and reading.kind is Kind.MEASURED:
            return self._worse_end(reading)
        return reading.value

    def margin(self, reading: Reading) -> float:
        """Return by how much worse than the value is what is held against the bound, at least 0."""
        return abs(self.judged(reading) - reading.value)

    def within_noise(self, reading: Reading) -> bool:
        """Whether the value keeps the bound, but the 95 % interval reaches over it."""
        kept = self.excess(self.judged(reading)) <= 0
        return kept and self.excess(self._worse_end(reading)) > 0

    def _worse_end(self, reading: Reading) -> float:
        interval = reading.interval
        return interval.high if self.sense is Sense.AT_MOST else interval.low

    def excess(self, value: float) -> float:
        """Return the violation of a value, as a share of the bound."""
        over = value - self.bound
        return (over if self.sense is Sense.AT_MOST else -over) / abs(self.bound)

    def hopeful(self, prediction: Value, error: float) -> Value:
        """Return what a prediction, or each of a batch, may come to at best.

        Args:
            prediction: In the metric's unit.
            error: Of it, as a share of itself.
        """
        off = error * abs(prediction)
        return prediction - off if self.sense is Sense.AT_MOST else prediction + off

    def violations(self, values: FloatArray) -> FloatArray:
        """Return the violations of a batch of values ``[n]``, ``[n]``."""
        over = (values - self.bound) / abs(self.bound)
        return over if self.sense is Sense.AT_MOST else -over

    def __str__(self) -> str:
        return f"{self.metric} {self.sense.value} {self.bound:g}"
