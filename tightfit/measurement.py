"""All that was read of one candidate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tightfit.errors import MeasurementError
from tightfit.reading import Reading


@dataclass(frozen=True, slots=True)
class Measurement:
    """Readings by metric name."""

    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __getitem__(self, metric: str) -> Reading:
        """Unmeasured is an error, never zero and never feasible.

        Raises:
            MeasurementError: The metric was not measured.
        """
        try:
            return self.readings[metric]
        except KeyError:
            known = ", ".join(sorted(self.readings)) or "nothing"
            raise MeasurementError(f"{metric!r} was not measured (measured: {known})") from None

    def __contains__(self, metric: object) -> bool:
        return metric in self.readings

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings)

    def value(self, metric: str) -> float:
        """Return the value alone.

        Raises:
            MeasurementError: The metric was not measured.
        """
        return self[metric].value

    def updated(self, later: Mapping[str, Reading]) -> Measurement:
        """Return a measurement in which the readings of a later stage replace earlier ones."""
        return Measurement({**self.readings, **later})
