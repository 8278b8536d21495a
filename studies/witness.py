"""A candidate that keeps all limits, handed over and checked on the exported file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightfit import Candidate, Constraint, Sense
from tightfit.objectives.proof.pictures import Pictures, write_pictures
from tightfit.studies.assembly import Assembly
from tightfit.studies.claims import LATENCY_RATIO, MEMORY, Kept, Value, Verdict, kept
from tightfit.studies.examining import Evidence, examine
from tightfit.studies.exporting import Exported, export_member
from tightfit.studies.fastest import SIGMAS
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.settings import device_settings
from tightfit.studies.verification import LimitFound


@dataclass(frozen=True, slots=True)
class Checked:
    """A limit and what the exported file has.

    Attributes:
        limit: Of the study.
        value: What a fresh process read of the exported file, the quality on the validation split,
            as the limit is meant; the record's where it does not read the metric.
        stderr: Its standard error, 0 for what is counted.
        again: How the fresh process found the limit kept; ``None`` where it does not read the
            metric.
        tested: The same on the test split, where there is one and the limit is on the quality. It
            decides nothing: what is chosen by a split says nothing on that split.
    """

    limit: Constraint
    value: float
    stderr: float
    again: Kept | None = None
    tested: LimitFound | None = None

    @property
    def kept(self) -> bool:
        """Whether the limit is kept: a reading with an error must not miss it beyond that."""
        if self.again is not None:
            return self.again is not Kept.BROKEN
        spread = SIGMAS * self.stderr
        nearest = self.value - spread if self.limit.sense is Sense.AT_MOST else self.value + spread
        return self.limit.excess(nearest) <= 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "limit": str(self.limit),
            "value": self.value,
            "stderr": self.stderr,
            "kept": self.kept,
            "read_again": self.again is not None,
            "on_the_test_split": None if self.tested is None else self.tested.to_json(),
        }


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
            "limits": [each.to_json() for each in self.checks],
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
    or it were none. Nothing is called a witness that did not come through it, and the folder of one
    that did not is removed.

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
    witness: Witness | None = None
    try:
        witness = _judged(exported, trial, assembly)
    finally:
        if witness is None or not witness.verified:
            shutil.rmtree(to, ignore_errors=True)
    return witness


def _judged(exported: Exported, trial: int, assembly: Assembly) -> Witness:
    found, claimed = exported.verification, exported.report["metrics"]
    quality = exported.report["quality"]["metric"]
    again: Value | None = None
    if any(each.limit.metric == quality for each in found.limits):
        again = _on_validation(exported, assembly)
    return Witness(
        trial,
        exported.folder,
        checks=tuple(
            _checked(each, claimed[each.limit.metric])
            if each.limit.metric != quality
            else _checked_quality(each, claimed[quality], again)
            for each in found.limits
        ),
        broken=tuple(
            each.name
            for each in found.claims
            if each.verdict is Verdict.BROKEN and each.metric not in (LATENCY_RATIO, MEMORY)
        ),
    )


def _on_validation(exported: Exported, assembly: Assembly) -> Value | None:
    """Return the quality of an exported file on the validation split, as a fresh process has it."""
    split = assembly.data.validation
    with tempfile.TemporaryDirectory(prefix="tightfit-") as folder:
        pictures = Path(folder) / "validation.npz"
        arrays = Pictures(split.inputs.numpy(), split.targets.numpy())
        write_pictures(pictures, arrays, compressed=False)
        evidence = Evidence(
            model=exported.folder / assembly.file,
            baseline=None,
            pictures=pictures,
            score=assembly.task.score,
            device=device_settings(assembly.study.spec.device),
        )
        _, quality = examine(evidence, exported.report)
    return None if quality is None else quality.value


def _checked(limit: LimitFound, claimed: Mapping[str, Any]) -> Checked:
    if limit.found is None:
        return Checked(limit.limit, claimed["value"], claimed["stderr"])
    return Checked(limit.limit, limit.found.value, _stderr(limit.found), limit.kept)


def _checked_quality(
    tested: LimitFound, claimed: Mapping[str, Any], again: Value | None
) -> Checked:
    test = None if tested.found is None else tested
    if again is None:
        return Checked(tested.limit, claimed["value"], claimed["stderr"], tested=test)
    how = kept(tested.limit, again)
    return Checked(tested.limit, again.value, _stderr(again), how, tested=test)


def _stderr(value: Value) -> float:
    return value.interval.width / (2 * SIGMAS)
