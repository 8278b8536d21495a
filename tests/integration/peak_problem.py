"""A chain of six layers whose memory is that of its largest moment.

Which layers have that moment, and so which choices multiply, depends on all the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    SearchSpace,
    Sense,
    Stage,
)

LAYERS = 6
SPACE = SearchSpace(
    tuple(Hparam(f"layer{i}.pruning_ratio", (0.0, 0.2, 0.4, 0.6, 0.8)) for i in range(LAYERS))
)
OBJECTIVES = (Objective("error", Direction.MINIMIZE), Objective("memory", Direction.MINIMIZE))
CONSTRAINTS = (
    Constraint("memory", Sense.AT_MOST, 30.0),
    Constraint("size", Sense.AT_MOST, 250.0),
)
_PIXELS = np.array([3.0, 5.0, 4.0, 6.0, 2.0, 5.0])
_SENSITIVITY = np.array([0.35, 0.63, 1.64, 1.25, 0.37, 0.98])


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return size and memory of a batch ``[n, 6]``, each ``[n]``."""
    width = 5.0 - batch
    maps = _PIXELS * width
    return {
        "size": (width[:, :-1] * width[:, 1:] * _PIXELS[1:]).sum(axis=1),
        "memory": (maps[:, :-1] + maps[:, 1:]).max(axis=1),
    }


@dataclass
class PeakEvaluator:
    """Answers at once.

    Attributes:
        interrupt_at: Numbers of trials in which it is interrupted, once each.
    """

    interrupt_at: set[int] = field(default_factory=set)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a candidate."""
        if number in self.interrupt_at:
            self.interrupt_at.remove(number)
            raise KeyboardInterrupt
        batch = SPACE.batch([candidate])
        values = {name: float(value[0]) for name, value in costs(batch).items()}
        values["error"] = float(_SENSITIVITY @ (batch[0] / 4) ** 2)
        measurement = Measurement(
            {name: Reading(value, Kind.COUNTED, Stage.LEARNED) for name, value in values.items()}
        )
        return Record(
            candidate=candidate,
            outcome=Outcome.EVALUATED,
            measurement=measurement,
            violations={str(each): each.violation(measurement) for each in CONSTRAINTS},
            origin=origin,
            fingerprint="peak",
            trained=True,
        )
