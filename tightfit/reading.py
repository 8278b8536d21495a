"""One number that was taken of a candidate, with what is known of its truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tightfit.conditions import Conditions
from tightfit.errors import MeasurementError
from tightfit.interval import Interval, student, wilson
from tightfit.metric import Kind, Stage


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with its spread and its origin.

    Attributes:
        value: In the metric's unit.
        kind: How far it can be trusted.
        stage: The stage that took it; a later stage's reading replaces an earlier one's.
        stderr: One standard error, in the metric's unit; 0 for what is counted.
        repeats: How many independent takings ``stderr`` is over.
        answers: Whether it is a share of ``repeats`` independent answers, each right or wrong.
        note: What went otherwise than it should, e.g. that the machine was disturbed.
        conditions: Of the machine meanwhile, where it is a time.

    Raises:
        MeasurementError: A value or error that is not finite, a negative error, no repeats, a share
            of answers that is none.
    """

    value: float
    kind: Kind
    stage: Stage
    stderr: float = 0.0
    repeats: int = 1
    answers: bool = False
    note: str = ""
    conditions: Conditions = field(default_factory=Conditions)

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise MeasurementError(f"a reading must be finite, got {self.value}")
        if not math.isfinite(self.stderr) or self.stderr < 0:
            raise MeasurementError(f"a standard error must be finite and >= 0, got {self.stderr}")
        if self.repeats < 1:
            raise MeasurementError(f"a reading needs at least one repeat, got {self.repeats}")
        if self.answers and not 0 <= self.value <= 1:
            raise MeasurementError(f"a share of answers must lie in [0, 1], got {self.value}")

    @property
    def interval(self) -> Interval:
        """The 95 % interval: Wilson's of a share of answers, else Student's."""
        if self.answers:
            return wilson(self.value, self.repeats)
        return student(self.value, self.stderr, self.repeats)

    def to_json(self) -> dict[str, Any]:
        """Return the reading as JSON values."""
        values: dict[str, Any] = {
            "value": self.value,
            "stderr": self.stderr,
            "repeats": self.repeats,
            "kind": self.kind.value,
            "stage": self.stage.value,
        }
        told = self.conditions.to_json()
        if self.answers:
            values["answers"] = True
        if self.note:
            values["note"] = self.note
        return values | ({"conditions": told} if told else {})

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Reading:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            float(values["value"]),
            kind=Kind(values["kind"]),
            stage=Stage(values["stage"]),
            stderr=float(values["stderr"]),
            repeats=int(values["repeats"]),
            answers=bool(values.get("answers", False)),
            note=str(values.get("note", "")),
            conditions=Conditions.from_json(values.get("conditions", {})),
        )
