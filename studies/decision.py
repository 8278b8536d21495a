"""The answer to whether a study's limits can be kept, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tightfit import Constraint, SearchSpace
from tightfit.search.forecast import Promise
from tightfit.studies.fastest import Fastest
from tightfit.studies.limit_words import limit_json
from tightfit.studies.promising import TOO_FEW
from tightfit.studies.standing import Standing
from tightfit.studies.witness import Witness


class Answer(StrEnum):
    """What can be said of limits."""

    YES = "yes"
    IMPOSSIBLE = "impossible"
    UNREACHABLE = "unreachable as measured"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer with what it cost.

    Attributes:
        answer: See :class:`Answer`.
        name: Of the study.
        limits: Of the study, bounds as numbers.
        message: Why it ended, for people.
        seconds: Wall time of deciding, preparing the baseline included.
        trained: Candidates that were trained for it.
        trained_before: Those whose records were there before.
        witness: With *yes*.
        proof: With *impossible*: as it stands in ``proof.json``. With ``files_counted`` in it every
            file was counted; it follows from exact costs otherwise.
        fastest: Of the limits that must be measured and were looked at.
        unproven: Why the static limits were not settled by a proof; empty where they were.
        miss: With *not found*: the trial that comes nearest.
        advice: With *not found*: what of the limits would have to give way for it.
        promise: With *not found*: what a model of the records expects of more trainings; ``None``
            where there is none.
        unpredicted: Why there is none, where that is so.
    """

    answer: Answer
    name: str
    limits: tuple[Constraint, ...]
    message: str
    seconds: float
    trained: int
    trained_before: int
    witness: Witness | None = None
    proof: Mapping[str, Any] | None = None
    fastest: tuple[Fastest, ...] = ()
    unproven: str = ""
    miss: Standing | None = None
    advice: str = ""
    promise: Promise | None = None
    unpredicted: str = TOO_FEW

    def to_json(self, space: SearchSpace) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "study": self.name,
            "answer": self.answer.value,
            "message": self.message,
            "limits": [str(each) for each in self.limits],
            "bounds": [limit_json(each) for each in self.limits],
            "cost": {
                "seconds": round(self.seconds, 1),
                "trained": self.trained,
                "trained_before": self.trained_before,
            },
            "witness": None if self.witness is None else self.witness.to_json(),
            "proof": self.proof,
            "unproven": self.unproven or None,
            "fastest_measured": [_fastest_json(each, space) for each in self.fastest],
            "nearest_miss": None
            if self.miss is None
            else {
                "trial": self.miss.trial,
                "origin": self.miss.record.origin,
                "violations": dict(self.miss.record.violations),
                "advice": self.advice,
            },
            "predicted": None if self.promise is None else promise_json(self.promise, space),
        }


def promise_json(promise: Promise, space: SearchSpace) -> dict[str, Any]:
    """Return what a model expects as JSON values, its nature with it."""
    return {
        "kind": "predicted",
        "model": "Bayesian linear regression on the choices of the records, one for each metric",
        "records": promise.records,
        "chance_of_the_best": promise.chance,
        "trials": promise.trials,
        "chance_within_trials": promise.within,
        "candidates_looked_at": promise.looked_at,
        "trainings_for_an_even_chance": promise.trainings,
        "trainings_for_nine_in_ten": promise.trainings_high,
        "best": {
            "choices": dict(space.active_choices(promise.candidate)),
            "metrics": {
                name: {"value": each.value, "low": each.low, "high": each.high}
                for name, each in promise.expected.items()
            },
        },
    }


def _fastest_json(fastest: Fastest, space: SearchSpace) -> dict[str, Any]:
    return {
        "limit": str(fastest.limit),
        "measured": len(fastest.readings),
        "reached": fastest.reached,
        "best": [
            {
                "value": reading.value,
                "stderr": reading.stderr,
                "repeats": reading.repeats,
                "choices": dict(space.active_choices(candidate)),
            }
            for candidate, reading in fastest.shown
        ],
    }
