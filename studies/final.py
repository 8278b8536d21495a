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

from tightfit import Candidate, MeasurementError, Reading, SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.paired import Paired

SCHEMA = 3
"""Up to version 2, readings were kept by the trial's number, which is another candidate's once a
run was begun anew in its folder: they are taken again."""
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
        members: By key of the candidate.
        reason: Why nothing was measured, where that is so.
    """

    metric: str
    baseline: Reading | None = None
    members: Mapping[str, FinalScore] = field(default_factory=dict)
    reason: str = "no member has been exported yet, or the data has no test split."

    def reached(self, candidate: Candidate) -> FinalScore | None:
        """Return what a candidate's file reached; ``None`` where it was not evaluated."""
        return self.members.get(candidate.key)


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
            members={key: each for key, each in kept.items() if key != _BASELINE},
        )

    def baseline(self, score: Callable[[], Reading]) -> Reading:
        """Return the reading of the uncompressed network's file, taken now if it never was."""
        return self._once(_BASELINE, lambda: FinalScore(score())).reading

    def member(self, candidate: Candidate, score: Callable[[], FinalScore]) -> FinalScore:
        """Return what a candidate's file reached, measured now if it never was."""
        return self._once(candidate.key, score)

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
            if "schema" not in values:  # the first version, which kept readings alone
                return _baseline_of(values, lambda each: FinalScore(Reading.from_json(each)))
            if values["schema"] == 2:
                return _baseline_of(values["files"], _from_json)
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


def _baseline_of(
    files: Mapping[str, Any], read: Callable[[Any], FinalScore]
) -> dict[str, FinalScore]:
    """Return the reading that does not depend on which candidates there are."""
    return {_BASELINE: read(files[_BASELINE])} if _BASELINE in files else {}


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
