"""What exported files reached on the test split.

The test split is for the last word only: each file is evaluated on it once, when it is exported,
and the reading is kept in the run, so that a second export or a report does not look again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tightfit import MeasurementError, Reading, SpecError
from tightfit.objectives.artifact.files import write_atomically

_BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Final:
    """What files reached on the test split, which the search never saw.

    Attributes:
        metric: Name of the quality metric.
        baseline: Of the uncompressed network's file; ``None`` where it was not evaluated.
        members: By number of the trial, for each exported member.
        reason: Why nothing was measured, where that is so.
    """

    metric: str
    baseline: Reading | None = None
    members: Mapping[int, Reading] = field(default_factory=dict)
    reason: str = "no member has been exported yet, or the data has no test split."


@dataclass(frozen=True, slots=True)
class FinalScores:
    """The kept readings of one run; ``path`` is a JSON file that need not be there yet."""

    path: Path

    def read(self, metric: str) -> Final:
        """Return everything that was measured so far.

        Raises:
            SpecError: The file is damaged.
        """
        readings = self._readings()
        return Final(
            metric,
            baseline=readings.get(_BASELINE),
            members={int(key): each for key, each in readings.items() if key != _BASELINE},
        )

    def baseline(self, score: Callable[[], Reading]) -> Reading:
        """Return the reading of the uncompressed network's file, taken now if it never was."""
        return self._once(_BASELINE, score)

    def member(self, trial: int, score: Callable[[], Reading]) -> Reading:
        """Return the reading of a trial's file, taken now if it never was."""
        return self._once(str(trial), score)

    def _once(self, key: str, score: Callable[[], Reading]) -> Reading:
        readings = self._readings()
        if key not in readings:
            readings[key] = score()
            values = {name: reading.to_json() for name, reading in readings.items()}
            write_atomically(self.path, json.dumps(values, indent=1).encode())
        return readings[key]

    def _readings(self) -> dict[str, Reading]:
        if not self.path.is_file():
            return {}
        try:
            values = json.loads(self.path.read_text("utf-8"))
            return {name: Reading.from_json(each) for name, each in values.items()}
        except (ValueError, KeyError, TypeError, AttributeError, MeasurementError) as error:
            raise SpecError(
                f"{self.path} is damaged ({error}); delete it, and the next export measures anew"
            ) from error
