"""Limits that are broken by every file of a space: each candidate was built, and its bytes counted.

Where a space is small enough to be listed, and nothing of it failed, that settles limits which a
prediction leaves open. It says nothing about quality: none of these files had to be trained.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tightfit import Candidate, Constraint, Kind, Metric, Outcome, Record, SearchSpace, Sense
from tightfit.search.region import Region
from tightfit.search.screening import Screen
from tightfit.studies.file_forecast import is_counted

ABOUT = (
    "Of all candidates of the space none keeps these limits: each one that its shape does not "
    "refuse was built, and its file was counted. It says nothing about quality, and nothing about "
    "other spaces."
)
METHOD = "Every candidate's file was counted: all that the exact static costs leave were built."


@dataclass(frozen=True, slots=True)
class Counted:
    """Files that all break a limit which counting settles.

    Attributes:
        limits: On what is counted in a file; every file breaks one of them, and without any one of
            them some file would not.
        values: By candidate what was counted for each limit that was read, by metric.
    """

    limits: tuple[Constraint, ...]
    values: Mapping[Candidate, Mapping[str, float]]

    def best(self, limit: Constraint, under: Sequence[Constraint] = ()) -> Candidate | None:
        """Return the candidate that goes farthest on a limit among those that keep others."""
        kept = [
            candidate
            for candidate, values in self.values.items()
            if limit.metric in values and all(_keeps(values, each) for each in under)
        ]
        sign = 1.0 if limit.sense is Sense.AT_MOST else -1.0
        return min(kept, key=lambda each: sign * self.values[each][limit.metric], default=None)

    def every_file_breaks(self, limits: Sequence[Constraint]) -> bool:
        """Whether each candidate was found to break one of some limits."""
        return all(
            any(each.metric in own and not _keeps(own, each) for each in limits)
            for own in self.values.values()
        )


def _keeps(values: Mapping[str, float], limit: Constraint) -> bool:
    return limit.metric in values and limit.excess(values[limit.metric]) <= 0


def counted_out(
    space: SearchSpace, screen: Screen, limits: Sequence[Constraint], records: Sequence[Record]
) -> Counted | None:
    """Return the files of all candidates where each breaks a counted limit; ``None`` elsewhere.

    Args:
        space: Of the study.
        screen: Its static limits.
        limits: All of its limits.
        records: Of the run. A candidate whose record failed settles nothing.
    """
    members = Region.survey(space, screen).members
    if members is None or not len(members):
        return None
    read = {record.candidate: _read(record, limits) for record in records}
    candidates = [space.candidate(row) for row in members]
    found = Counted(tuple(limits), {each: read.get(each, {}) for each in candidates})
    if not found.every_file_breaks(limits):
        return None
    needed = list(limits)
    for limit in limits:
        rest = [each for each in needed if each is not limit]
        if found.every_file_breaks(rest):
            needed = rest
    return replace(found, limits=tuple(needed))


def _read(record: Record, limits: Sequence[Constraint]) -> dict[str, float]:
    """Return by metric what was counted in a candidate's file."""
    if record.outcome is Outcome.FAILED:
        return {}
    return {
        limit.metric: record.measurement.value(limit.metric)
        for limit in limits
        if is_counted(record, limit.metric)
        and record.measurement[limit.metric].kind is Kind.COUNTED
    }


def counted_document(
    found: Counted, space: SearchSpace, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    """Return what was counted as JSON values, as the file that a run keeps of a proof."""
    return {
        "about": ABOUT,
        "method": METHOD,
        "space": {"hparams": len(space), "combinations": space.size},
        "files_counted": len(found.values),
        "limits": [_limit(found, each, space, metrics) for each in found.limits],
        "conflict": [str(each) for each in found.limits],
        "bounds_that_would_work": _bounds(found),
    }


def _limit(
    found: Counted, limit: Constraint, space: SearchSpace, metrics: Mapping[str, Metric]
) -> dict[str, Any]:
    best = found.best(limit)
    assert best is not None
    return {
        "limit": str(limit),
        "metric": limit.metric,
        "unit": metrics[limit.metric].unit,
        "kind": Kind.COUNTED.value,
        "bound": limit.bound,
        "searched_for": "least" if limit.sense is Sense.AT_MOST else "greatest",
        "of_the_files": {
            "value": found.values[best][limit.metric],
            "candidate": dict(space.active_choices(best)),
            "indices": list(best.indices),
        },
    }


def _bounds(found: Counted) -> list[dict[str, Any]]:
    """Return for each limit the smallest change that is enough, all others as they are."""
    enough = []
    for limit in found.limits:
        best = found.best(limit, [each for each in found.limits if each is not limit])
        if best is not None:
            enough.append(
                {
                    "metric": limit.metric,
                    "sense": limit.sense.value,
                    "bound": found.values[best][limit.metric],
                    "counted": None,
                }
            )
    return enough
