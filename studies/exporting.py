"""Hands a member of the front over: its file, its weights, its proof, and a report of all."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tightfit import Candidate, SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.preprocessing import write_preprocessed
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.objectives.metrics import ram_kb
from tightfit.objectives.proof.pictures import Pictures, write_pictures
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.baseline import measured_on
from tightfit.studies.examining import Evidence, examine
from tightfit.studies.export_config import export_config
from tightfit.studies.export_folder import (
    CARD_FILE,
    CONFIG_FILE,
    PICTURE_FILE,
    PICTURES_FILE,
    baseline_file,
    seal,
    written_whole,
)
from tightfit.studies.export_report import Json, Member, ends, member_report
from tightfit.studies.figures.picture import front_picture
from tightfit.studies.litert_exporting import write_header
from tightfit.studies.model_card import model_card
from tightfit.studies.plan import Plan
from tightfit.studies.preprocess import Preprocess, handed_over
from tightfit.studies.report import write_report
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.same_run import check_unchanged
from tightfit.studies.settings import device_settings
from tightfit.studies.spec import StudySpec
from tightfit.studies.standing import Standing, chosen, standings
from tightfit.studies.study_file import Study
from tightfit.studies.testing import FinalScoring, Reached
from tightfit.studies.verification import Verification
from tightfit.studies.verifying import compare

LARGEST_PICTURES = 64_000_000
"""Bytes of a test split that is handed over with the file."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: With all files.
        standing: The member.
        report: As it stands in ``report.json``.
        verification: What a fresh process found.
    """

    folder: Path
    standing: Standing
    report: Json
    verification: Verification

    def __repr__(self) -> str:
        return f"Exported({self.standing.name}, folder={str(self.folder)!r})"


def run_assembly(folder: RunFolder, study_path: Path | None) -> Assembly:
    """Return the parts of a run's study.

    Args:
        folder: Of the run.
        study_path: The study's file, if it was moved.

    Raises:
        SpecError: The study file is not where it was, there never was one, or what it names is no
            longer what the run was begun with.
    """
    plan = Plan.read(folder.plan)
    if plan.study_path is None:
        raise SpecError(
            f"{folder.path} was made from Python, where its model and data are; call "
            f"compress(..., folder={str(folder.path)!r}) as before, which reads a finished run, "
            "and use result.export(...)"
        )
    path = study_path or Path(plan.study_path)
    if not path.exists():
        raise SpecError(f"the study file of this run is not at {path}; name it with --study STUDY")
    spec = StudySpec.model_validate(plan.spec)
    assembly = assemble(Study(plan.name, spec, path.resolve().parent))
    check_unchanged(assembly, folder)
    return assembly


def export_member(
    folder: RunFolder,
    *,
    pick: str,
    to: Path,
    assembly: Assembly | None = None,
    proof: bool = True,
    preprocess: Preprocess | None = None,
    without: Collection[Candidate] = (),
) -> Exported:
    """Write a member of a run's front to a folder of its own, verified in a fresh process.

    Args:
        folder: Of the run.
        pick: ``knee``, an objective, or a trial's number.
        to: Made when it is not there; files of an earlier export in it are replaced.
        assembly: The study's parts, when they are at hand.
        proof: Whether the baseline's file and the test split go along, with which anyone can
            verify the export. A test split of more than ``LARGEST_PICTURES`` bytes never does.
        preprocess: Whether, and from what size, the file takes pictures as they are and prepares
            them itself.
        without: Candidates that are not to be on the front, which is that of the others.

    Raises:
        SpecError: Nothing is feasible, the pick is none of the front, or ``to`` cannot be written.
        MeasurementError: The file does not run.
    """
    results = folder.results()
    standing = chosen(standings(results, without=without), pick=pick)
    if standing is None or standing.trial is None:
        nearest = shlex.join(["tightfit", "front", str(folder.path)])
        raise SpecError(
            f"{folder.path} has nothing feasible to export; '{nearest}' shows the nearest misses"
        )
    plan = Plan.read(folder.plan)
    assembly = assembly or run_assembly(folder, None)
    member = Member(results, plan, assembly, standing)
    inside = None if preprocess is None else preprocess.of(assembly)
    plain = folder.candidate(standing.record.candidate)
    with written_whole(to) as stage:
        for name in (assembly.file, WEIGHTS_FILE):
            _copy_file(plain / name, stage / name)
        if inside is not None:
            write_preprocessed(plain / assembly.file, stage / assembly.file, inside)
        if not assembly.serving.chosen.timed:
            write_header(stage / assembly.file, standing.record.measurement[ram_kb.METRIC.name])
        evidence = _evidence(stage, folder, assembly)
        claims = partial(
            member_report,
            reached=_reached(member, folder),
            model=plain / assembly.file,
            preprocessing=inside,
        )
        report = claims(member)
        found, quality = examine(evidence, report)
        if inside is not None:
            member = handed_over(member, stage / assembly.file, found)
            report = claims(member)
        report["measured_on"] = measured_on(folder).to_json()
        verification = compare(report, found, quality, title=member.title)
        _keep_proof(stage, proof=proof)
        write_atomically(stage / CONFIG_FILE, export_config(member).encode())
        write_atomically(stage / PICTURE_FILE, front_picture(results, standing.key).encode())
        if found.memory_kb is not None:
            report["memory_kb"] = {**found.memory_kb.to_json(), **ends(found.memory_kb)}
        report["verified"] = verification.to_json()
        card = model_card(member, report, verification, proof=(stage / PICTURES_FILE).is_file())
        write_atomically(stage / CARD_FILE, card.encode())
        report = seal(stage, report)
    write_report(results, folder.report, final=folder.final.read(results.quality.name))
    return Exported(to, standing, report, verification)


def _copy_file(source: Path, to: Path) -> None:
    if not source.is_file():
        raise SpecError(f"the run has lost the file {source}; it cannot be exported without it")
    to.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, to)


def _evidence(stage: Path, folder: RunFolder, assembly: Assembly) -> Evidence:
    """Lay the baseline's file and the test split beside the model; return what is there."""
    baseline = stage / baseline_file(assembly.file)
    _copy_file(folder.baseline / assembly.file, baseline)
    split = assembly.data.test
    pictures = None
    if split is not None:
        pictures = stage / PICTURES_FILE
        arrays = Pictures(split.inputs.numpy(), split.targets.numpy())
        small = arrays.inputs.nbytes <= LARGEST_PICTURES
        write_pictures(pictures, arrays, compressed=small)
    return Evidence(
        model=stage / assembly.file,
        baseline=baseline,
        pictures=pictures,
        score=assembly.task.score,
        # What the run's latencies are ratios to was measured there.
        device=replace(
            device_settings(assembly.study.spec.device),
            architecture=measured_on(folder).architecture,
        ),
    )


def _keep_proof(stage: Path, *, proof: bool) -> None:
    """Remove what is not to be handed over."""
    pictures = stage / PICTURES_FILE
    if not proof:
        shutil.rmtree(pictures.parent)
    elif pictures.is_file() and pictures.stat().st_size > LARGEST_PICTURES:
        pictures.unlink()


def _reached(member: Member, folder: RunFolder) -> Reached | None:
    """Return what the member reached on the test split, if there is one."""
    split, candidate = member.assembly.data.test, member.standing.record.candidate
    if split is None:
        return None
    file = folder.candidate(candidate) / member.assembly.file
    return FinalScoring(member.assembly, split, folder).measure(candidate, file)
