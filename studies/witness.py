"""A candidate that keeps all limits, handed over and checked on the exported file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightfit import Constraint, Sense
from tightfit.studies.assembly import Assembly
from tightfit.studies.exporting import export_member
from tightfit.studies.fastest import SIGMAS
from tightfit.studies.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Checked:
    """A limit and what the exported file has.

    Attributes:
        limit: Of the study.
        value: Read of the exported file; measured anew where it is measured before training.
        stderr: Its standard error, 0 for what is counted.
    """

    limit: Constraint
    value: float
    stderr: float

    @property
    def kept(self) -> bool:
        """Whether the limit is kept: a reading with an error must not miss it beyond that."""
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
    """

    trial: int
    folder: Path
    checks: tuple[Checked, ...]

    @property
    def verified(self) -> bool:
        """Whether the exported file keeps every limit."""
        return all(each.kept for each in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "trial": self.trial,
            "folder": str(self.folder),
            "verified": self.verified,
            "limits": [
                {
                    "limit": str(each.limit),
                    "value": each.value,
                    "stderr": each.stderr,
                    "kept": each.kept,
                }
                for each in self.checks
            ],
        }


def hand_over(
    folder: RunFolder,
    trial: int,
    *,
    constraints: Sequence[Constraint],
    assembly: Assembly,
    to: Path,
) -> Witness:
    """Export a member of a run's front and check the exported file against the limits.

    Whatever else is to be verified of an exported file belongs here: nothing is called a witness
    that did not come through it.

    Raises:
        SpecError: The trial is not on the front, or ``to`` cannot be written.
        MeasurementError: The file does not run.
    """
    exported = export_member(folder, pick=str(trial), to=to, assembly=assembly)
    metrics = exported.report["metrics"]
    checks = [
        Checked(each, metrics[each.metric]["value"], metrics[each.metric]["stderr"])
        for each in constraints
    ]
    return Witness(trial, to, tuple(checks))
