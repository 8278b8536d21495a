"""In what state a machine was while something was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Conditions:
    """Clock and temperature; ``None`` is what the system does not tell.

    Attributes:
        clock_mhz: Of the fastest processor.
        temperature_c: Of the hottest part.
    """

    clock_mhz: float | None = None
    temperature_c: float | None = None

    def __str__(self) -> str:
        """For people: ``2,100 MHz, 61 °C``; empty where nothing is told."""
        clock = "" if self.clock_mhz is None else f"{self.clock_mhz:,.0f} MHz"
        heat = "" if self.temperature_c is None else f"{self.temperature_c:.0f} °C"
        return ", ".join(filter(None, (clock, heat)))

    def to_json(self) -> dict[str, float]:
        """Return what is told as JSON values."""
        values = {"clock_mhz": self.clock_mhz, "temperature_c": self.temperature_c}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Conditions:
        """Read back what :meth:`to_json` wrote."""
        return cls(values.get("clock_mhz"), values.get("temperature_c"))
