"""What became of a candidate, as it is kept for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tightfit.candidate import Candidate
from tightfit.errors import SpecError
from tightfit.measurement import Measurement
from tightfit.reading import Reading
from tightfit.rung import Rung
from tightfit.start import Start

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """How the evaluation of a candidate ended."""

    EVALUATED = "evaluated"
    SCREENED = "screened"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Record:
    """One candidate's outcome with all that was read of it.

    Attributes:
        candidate: What was evaluated.
        outcome: Evaluated through every stage, screened out by a limit, failed, or stopped in the
            middle of its training.
        measurement: The readings that were taken, also when it was screened out or failed. What
            was read in the middle of the training is not among them.
        violations: By constraint, as text; positive is broken. Only those that could be read.
        reason: The constraint that screened it out, or why it failed or was stopped; empty when
            evaluated.
        origin: Who proposed it: a sampler's name, or a reference candidate's.
        fingerprint: Digest of all that the readings depend on: baseline, data, recipe, seed.
        seconds: Wall time by phase (``build``, ``measure``, ``inherit``, ``train``, ``evaluate``;
            ``failed`` for all of it, where nothing was left that could tell).
        trained: Whether it reached training; these are what ``trials`` counts.
        rungs: What was read in the middle of its training, in the order of the shares.
        start: What its training began with, where another candidate's weights were compared with
            the baseline's; ``None`` is the baseline's.
    """

    candidate: Candidate
    outcome: Outcome
    measurement: Measurement
    violations: Mapping[str, float]
    origin: str
    fingerprint: str
    reason: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    trained: bool = False
    rungs: tuple[Rung, ...] = ()
    start: Start | None = None

    @property
    def feasible(self) -> bool:
        """Whether it was evaluated and keeps every constraint."""
        return self.outcome is Outcome.EVALUATED and all(
            violation <= 0 for violation in self.violations.values()
        )

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values, with the schema's version."""
        values: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "candidate": list(self.candidate.indices),
            "outcome": self.outcome.value,
            "readings": {
                name: reading.to_json() for name, reading in self.measurement.readings.items()
            },
            "violations": dict(self.violations),
            "origin": self.origin,
            "fingerprint": self.fingerprint,
            "reason": self.reason,
            "seconds": dict(self.seconds),
            "trained": self.trained,
        }
        if self.rungs:
            values["rungs"] = [each.to_json() for each in self.rungs]
        if self.start is not None:
            values["start"] = self.start.to_json()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Record:
        """Read back what :meth:`to_json` wrote.

        Raises:
            SpecError: The record was written by another version of the schema.
        """
        if values.get("schema") != SCHEMA_VERSION:
            raise SpecError(
                f"a record of schema {values.get('schema')!r} cannot be read; "
                f"this version reads schema {SCHEMA_VERSION}"
            )
        readings = {
            name: Reading.from_json(reading) for name, reading in values["readings"].items()
        }
        return cls(
            candidate=Candidate(tuple(values["candidate"])),
            outcome=Outcome(values["outcome"]),
            measurement=Measurement(readings),
            violations=dict(values["violations"]),
            origin=values["origin"],
            fingerprint=values["fingerprint"],
            reason=values["reason"],
            seconds=dict(values["seconds"]),
            trained=bool(values["trained"]),
            rungs=tuple(Rung.from_json(each) for each in values.get("rungs", ())),
            start=Start.from_json(values["start"]) if "start" in values else None,
        )
