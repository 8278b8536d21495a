"""What was read of a network in the middle of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tightfit.errors import MeasurementError
from tightfit.measurement import Measurement
from tightfit.reading import Reading


@dataclass(frozen=True, slots=True)
class Rung:
    """A point of a training at which it may end.

    Attributes:
        share: Of the training's steps, how many are done.
        measurement: All that is known by then. The quality is that of the network as it is being
            trained, under the name of the metric which is read of the file in the end.

    Raises:
        MeasurementError: A share that is not between 0 and 1.
    """

    share: float
    measurement: Measurement

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise MeasurementError(f"a rung lies between 0 and 1, got {self.share}")

    def to_json(self) -> dict[str, Any]:
        """Return the rung as JSON values."""
        readings = self.measurement.readings
        return {
            "share": self.share,
            "readings": {name: reading.to_json() for name, reading in readings.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Rung:
        """Read back what :meth:`to_json` wrote."""
        readings = values["readings"].items()
        return cls(
            share=float(values["share"]),
            measurement=Measurement({name: Reading.from_json(each) for name, each in readings}),
        )
