"""A candidate that keeps all limits, handed over and checked on the exported file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightfit import Candidate, Constraint, Sense
from tightfit.studies.assembly import Assembly
from tightfit.studies.claims import LATENCY_RATIO, MEMORY, Kept, Verdict
from tightfit.studies.exporting import export_member
from tightfit.studies.fastest import SIGMAS
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.verification import LimitFound


@dataclass(frozen=True, slots=True)
class Checked:
    """A limit and what the exported file has.

    Attributes:
        limit: Of the study.
        value: What a fresh process read of the exported file, the quality on the test split; the
            record's where it does not read the metric.
        stderr: Its standard error, 0 for what is counted.
        again: How the fresh process found the limit kept; ``None`` where it does not read the
            metric.
    """

    limit: Constraint
    value: float
    stderr: float
    again: Kept | None = None

    @property
    def kept(self) -> bool:
        """Whether the limit is kept: a reading with an error must not miss it beyond that."""
        if self.again is not None:
            return self.again is not Kept.BROKEN
        spread = SIGMAS * self.stderr
        nearest = self.value - spread if self.limit.sense is Sense.AT_MOST else self.value + spread
        return self.limit.excess(nearest) <= 0


@dataclass(frozen=True, slots=True)
class Witness:
    """An exported member.

    Attributes:
        trial: Its number in the run.
        folder: Of the exported files.
        checks: Of every limit.
        broken: Names of the claims of the export that do not hold. Times and memory are not among
            them: a disturbed machine breaks those, and where they are limited the limit counts.
    """

    trial: int
    folder: Path
    checks: tuple[Checked, ...]
    broken: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether the exported file keeps every limit, and is what it is claimed to be."""
        return not self.broken and all(each.kept for each in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "trial": self.trial,
            "folder": str(self.folder),
            "verified": self.verified,
            "claims_that_do_not_hold": list(self.broken),
            "limits": [
                {
                    "limit": str(each.limit),
                    "value": each.value,
                    "stderr": each.stderr,
                    "kept": each.kept,
                    "read_again": each.again is not None,
                }
                for each in self.checks
            ],
        }


def hand_over(
    folder: RunFolder,
    trial: int,
    *,
    assembly: Assembly,
    to: Path,
    without: Collection[Candidate] = (),
) -> Witness:
    """Export a member of a run's front and check the exported file against the limits.

    What counts is what a fresh process finds of the file: the record of a member keeps all limits,
    or it were none. Nothing is called a witness that did not come through it.

    Args:
        folder: Of the run.
        trial: The member's.
        assembly: The study's parts.
        to: Folder of the exported files.
        without: Candidates that are not to be on the front, which is that of the others.

    Raises:
        SpecError: The trial is not on the front, or ``to`` cannot be written.
        MeasurementError: The file does not run.
    """
    exported = export_member(folder, pick=str(trial), to=to, assembly=assembly, without=without)
    found, claimed = exported.verification, exported.report["metrics"]
    return Witness(
        trial,
        to,
        checks=tuple(_checked(each, claimed[each.limit.metric]) for each in found.limits),
        broken=tuple(
            each.name
            for each in found.claims
            if each.verdict is Verdict.BROKEN and each.metric not in (LATENCY_RATIO, MEMORY)
        ),
    )


def _checked(limit: LimitFound, claimed: Mapping[str, Any]) -> Checked:
    if limit.found is None:
        return Checked(limit.limit, claimed["value"], claimed["stderr"])
    stderr = limit.found.interval.width / (2 * SIGMAS)
    return Checked(limit.limit, limit.found.value, stderr, limit.kept)
