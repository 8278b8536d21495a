"""Records made by hand."""

from __future__ import annotations

from collections.abc import Mapping

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    Sense,
    Stage,
)

OBJECTIVES = (
    Objective("accuracy", Direction.MAXIMIZE),
    Objective("size_kb", Direction.MINIMIZE),
)


def measurement(values: Mapping[str, float]) -> Measurement:
    """Return readings of these values."""
    return Measurement(
        {name: Reading(value, Kind.MEASURED, Stage.LEARNED) for name, value in values.items()}
    )


def evaluated(
    indices: tuple[int, ...], *, limit: float = 100.0, origin: str = "tpe", **values: float
) -> Record:
    """Return an evaluated record with a limit on ``size_kb``."""
    constraint = Constraint("size_kb", Sense.AT_MOST, limit)
    read = measurement(values)
    return Record(
        candidate=Candidate(indices),
        outcome=Outcome.EVALUATED,
        measurement=read,
        violations={str(constraint): constraint.violation(read)},
        origin=origin,
        fingerprint="f",
        trained=True,
    )


def screened(indices: tuple[int, ...], *, size_kb: float, limit: float = 100.0) -> Record:
    """Return a record that a limit on ``size_kb`` screened out."""
    constraint = Constraint("size_kb", Sense.AT_MOST, limit)
    read = measurement({"size_kb": size_kb})
    return Record(
        candidate=Candidate(indices),
        outcome=Outcome.SCREENED,
        measurement=read,
        violations={str(constraint): constraint.violation(read)},
        origin="tpe",
        fingerprint="f",
        reason=str(constraint),
    )


def failed(indices: tuple[int, ...], reason: str = "out of memory") -> Record:
    """Return a failed record."""
    return Record(
        candidate=Candidate(indices),
        outcome=Outcome.FAILED,
        measurement=Measurement(),
        violations={},
        origin="tpe",
        fingerprint="f",
        reason=reason,
    )
