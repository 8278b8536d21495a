"""What can be asked of a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Stage(StrEnum):
    """When a metric becomes known, cheapest first."""

    STATIC = "static"
    RUNTIME = "runtime"
    LEARNED = "learned"


class Kind(StrEnum):
    """How far a number can be trusted.

    COUNTED: exact, e.g. parameters or the bytes of a file. MEASURED: taken with an instrument and a
    standard error. COMPUTED: follows exactly from the network by a stated formula. ESTIMATED:
    a model's prediction, or a formula with constants of another machine.
    """

    COUNTED = "counted"
    MEASURED = "measured"
    COMPUTED = "computed"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Metric:
    """A name with its unit, its better direction and the stage that settles it.

    Attributes:
        name: With the unit in it where there is one: ``latency_ms``, ``size_kb``.
        unit: For people, e.g. ``"ms"``; empty for shares.
        direction: Which way is better.
        stage: The stage whose reading is final.
        kind: The kind of the final reading.
        summary: One line that says what it is.
    """

    name: str
    unit: str
    direction: Direction
    stage: Stage
    kind: Kind
    summary: str
