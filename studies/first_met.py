"""What it cost until a run's limits were met for the first time, from its records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tightfit import Record
from tightfit.studies.decision_view import trainings
from tightfit.studies.results import Results
from tightfit.studies.standing import TIGHTENED

SPENT = ("trials", "hours")
"""What can be asked for in place of a metric."""


@dataclass(frozen=True, slots=True)
class FirstMet:
    """The first record that keeps all limits.

    Attributes:
        trial: Its number; ``None`` where no record does.
        trials: Candidates that were trained until then, itself included, and those for a tighter
            limit.
        hours: That evaluating took until then, without what lies between evaluations.
        trained: Candidates that were trained in all.
    """

    trial: int | None
    trials: int | None
    hours: float | None
    trained: int

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "trial": self.trial,
            "trials": self.trials,
            "hours": self.hours,
            "trained_in_all": self.trained,
        }

    def text(self, asked: str) -> str:
        """Return it in a sentence.

        Args:
            asked: One of ``SPENT``.
        """
        if self.trials is None or self.hours is None:
            return f"The limits were not met in {trainings(self.trained)}."
        cost = trainings(self.trials) if asked == "trials" else _time(3600 * self.hours)
        return f"The limits were met by trial {self.trial}, after {cost} of its run."


def first_met(results: Results) -> FirstMet:
    """Return when the limits of a run were met for the first time."""
    trained, seconds = 0, 0.0
    every = sum(map(_trained, results.records))
    for number, record in enumerate(results.records):
        trained += _trained(record)
        seconds += sum(record.seconds.values())
        if record.feasible:
            return FirstMet(number, trained, seconds / 3600, every)
    return FirstMet(None, None, None, every)


def _trained(record: Record) -> bool:
    """Whether a training was spent on it: one for a tighter limit is none of the run's trials."""
    return record.trained or record.origin == TIGHTENED


def _time(seconds: float) -> str:
    """Return a time in the unit that leaves at least two of it: ``12.3 seconds``."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
