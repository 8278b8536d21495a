"""What files reached on the test split.

The test split is for the last word only: each file is evaluated on it once, when the search is over
or at the latest when it is exported, and the reading is kept in the run, so that a second export or
a report does not look again.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tightfit import MeasurementError, Reading, SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.paired import Paired

SCHEMA = 2
_BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class FinalScore:
    """What one file reached on the test split.

    Attributes:
        reading: Its quality.
        paired: Its answers beside the baseline's; ``None`` where the score counts no answers.
    """

    reading: Reading
    paired: Paired | None = None


@dataclass(frozen=True, slots=True)
class Final:
    """What files reached on the test split, which the search never saw.

    Attributes:
        metric: Name of the quality metric.
        baseline: Of the uncompressed network's file; ``None`` where it was not evaluated.
        members: By number of the trial.
        reason: Why nothing was measured, where that is so.
    """

    metric: str
    baseline: Reading | None = None
    members: Mapping[int, FinalScore] = field(default_factory=dict)
    reason: str = "no member has been exported yet, or the data has no test split."


@dataclass(frozen=True, slots=True)
class FinalScores:
    """The kept readings of one run; ``path`` is a JSON file that need not be there yet."""

    path: Path

    def read(self, metric: str) -> Final:
        """Return everything that was measured so far.

        Raises:
            SpecError: The file is damaged, or a newer version wrote it.
        """
        kept = self._kept()
        baseline = kept.get(_BASELINE)
        return Final(
            metric,
            baseline=None if baseline is None else baseline.reading,
            members={int(key): each for key, each in kept.items() if key != _BASELINE},
        )

    def baseline(self, score: Callable[[], Reading]) -> Reading:
        """Return the reading of the uncompressed network's file, taken now if it never was."""
        return self._once(_BASELINE, lambda: FinalScore(score())).reading

    def member(self, trial: int, score: Callable[[], FinalScore]) -> FinalScore:
        """Return what a trial's file reached, measured now if it never was."""
        return self._once(str(trial), score)

    def _once(self, key: str, score: Callable[[], FinalScore]) -> FinalScore:
        kept = self._kept()
        if key not in kept:
            kept[key] = score()
            files = {name: _to_json(each) for name, each in kept.items()}
            values = {"schema": SCHEMA, "files": files}
            write_atomically(self.path, json.dumps(values, indent=1).encode())
        return kept[key]

    def _kept(self) -> dict[str, FinalScore]:
        if not self.path.is_file():
            return {}
        try:
            values = json.loads(self.path.read_text("utf-8"))
            if "schema" not in values:
                # The first version kept readings alone.
                return {name: FinalScore(Reading.from_json(each)) for name, each in values.items()}
            if values["schema"] == SCHEMA:
                return {name: _from_json(each) for name, each in values["files"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, MeasurementError) as error:
            raise SpecError(
                f"{self.path} is damaged ({error}); delete it, and the next export measures anew"
            ) from error
        raise SpecError(
            f"{self.path} has schema {values['schema']!r}, this Tightfit reads {SCHEMA}; "
            "delete it, and the next export measures anew"
        )


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How much of the members' quality on the validation split is luck of having been selected.

    A member lies on the front also because its validation score came out well. On the test split
    that luck is gone. The baseline was not selected: what it loses, or wins, from one split to the
    other is the splits' difference, and is taken off.

    Attributes:
        members: How many were measured on both splits.
        drop: Mean of validation minus test over the members; positive is worse on test.
        baseline: Validation minus test of the baseline.
    """

    members: int
    drop: float
    baseline: float

    @property
    def selection(self) -> float:
        """What selection alone accounts for."""
        return self.drop - self.baseline


def shrinkage(pairs: Iterable[tuple[float, float]], *, baseline: tuple[float, float]) -> Shrinkage:
    """Return the shrinkage over the (validation, test) pairs of at least one member."""
    drops = [validation - test for validation, test in pairs]
    return Shrinkage(len(drops), statistics.fmean(drops), baseline[0] - baseline[1])


def _to_json(tested: FinalScore) -> dict[str, Any]:
    paired = tested.paired
    return {
        "reading": tested.reading.to_json(),
        "paired": None if paired is None else paired.to_json(),
    }


def _from_json(values: Mapping[str, Any]) -> FinalScore:
    paired = values["paired"]
    return FinalScore(
        Reading.from_json(values["reading"]),
        None if paired is None else Paired.from_json(paired),
    )
