"""A study with everything that its trials need: what a worker opens, and what a run prepares."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tightfit import Constraint, Measurement, Sense, SpecError, __version__
from tightfit.objectives.evaluator import Progress, StagedEvaluator
from tightfit.objectives.footprint import FootprintMeter
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.meter.device import Device
from tightfit.objectives.metrics import latency_ms
from tightfit.objectives.teacher import Teacher, prepare_teacher
from tightfit.objectives.workshop import Workshop
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.baseline import Say, kept_module, measured_baseline, trained_module
from tightfit.studies.costs import StaticCosts
from tightfit.studies.limits import check_contradictions
from tightfit.studies.prediction_error import static_errors
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.settings import measuring_device, measuring_precision
from tightfit.studies.spec import StudySpec
from tightfit.studies.study_file import read_study


@dataclass(frozen=True, slots=True)
class Bench:
    """A study that is ready to evaluate candidates.

    Attributes:
        assembly: What the study names.
        space: Of its trained baseline.
        folder: Of the run.
        baseline: The readings of the uncompressed network.
        constraints: With bounds as numbers.
        teacher: Views and outputs of the baseline, when anything distils.
        fingerprint: Of all that readings depend on.
        costs: The static metrics of candidates.
        device: Where files are measured.
        beside: By name of a metric, the same machine with another runtime.
        files: Folder of candidates' files where that is not the run's own.
    """

    assembly: Assembly
    space: CompressionSpace
    folder: RunFolder
    baseline: Measurement
    constraints: tuple[Constraint, ...]
    teacher: Teacher | None
    fingerprint: str
    costs: StaticCosts
    device: Device
    beside: Mapping[str, Device]
    files: Path | None = None

    @property
    def workshop(self) -> Workshop:
        """What builds, measures, trains and scores."""
        return Workshop(
            space=self.space,
            data=self.assembly.data,
            task=self.assembly.task,
            profile=self.assembly.profile,
            meter=self._meter(latency_ms.METRIC.name, self.assembly.file, self.device),
            footprint=FootprintMeter(
                self.folder.baseline / self.assembly.file,
                self.device,
                wanted=self.assembly.wanted,
                references={name: self.baseline.value(name) for name in self.baseline},
                precision=measuring_precision(self.assembly.study.spec.device),
            ),
            runtime=self.assembly.serving.runtime,
            timed=self.assembly.serving.chosen.timed,
            trainer=self.assembly.trainer(self.teacher, by_portions=True),
            folder=self.files or self.folder.candidates,
            metadata={"tightfit": __version__, "baseline": self.fingerprint},
            seed=self.assembly.study.spec.seed,
            quality=self.assembly.quality,
            beside={
                name: self._meter(name, runtime.model_file, self.beside[name])
                for name, runtime in self.assembly.serving.beside.items()
            },
        )

    def _meter(self, metric: str, file: str, device: Device) -> LatencyMeter:
        return LatencyMeter(
            self.folder.baseline / file,
            device,
            reference_ms=self.baseline.value(metric) if metric in self.baseline else None,
            precision=measuring_precision(self.assembly.study.spec.device),
            decisive=metric in self.assembly.wanted,
        )

    def evaluator(self, progress: Progress) -> StagedEvaluator:
        """Return what evaluates candidates in this process."""
        fidelity = self.assembly.study.spec.fidelity
        return StagedEvaluator(
            workshop=self.workshop,
            constraints=self.constraints,
            errors=static_errors(self.constraints),
            fingerprint=self.fingerprint,
            progress=progress,
            rungs=() if fidelity is None else fidelity.rungs,
        )


def prepare(
    assembly: Assembly,
    folder: RunFolder,
    *,
    say: Say,
    progress: Progress,
    space: CompressionSpace | None = None,
    teach: bool = True,
) -> Bench:
    """Prepare a run: train, write and measure the baseline, and ask the teacher.

    Everything is kept in the run's folder; a second call reads it.

    Args:
        assembly: The study's parts.
        folder: Of the run; made when it is not there.
        say: Told what is being done.
        progress: Told how far the baseline's training and the teacher's views are.
        space: Of the trained baseline, when it is at hand.
        teach: Whether candidates will be trained; without that the teacher is not asked.

    Raises:
        SpecError: The folder cannot be written, or the limits cannot be met.
    """
    folder.make()
    use_processors(assembly.study.spec)
    module = trained_module(assembly, folder, say=say, progress=progress)
    if space is None:
        space = assembly.space(module)
    say("measuring the baseline")
    table = assembly.study.spec.device
    device = measuring_device(table)
    beside = {
        name: measuring_device(table, runtime.name)
        for name, runtime in assembly.serving.beside.items()
    }
    baseline = measured_baseline(assembly, space, folder, device=device, beside=beside)
    confident = assembly.study.spec.confident
    constraints = tuple(
        limit.resolve(baseline.value, confident=confident) for limit in assembly.limits
    )
    check_contradictions(constraints)
    fingerprint = assembly.fingerprint(module)
    return Bench(
        assembly=assembly,
        space=space,
        folder=folder,
        baseline=baseline,
        constraints=constraints,
        teacher=_teacher(assembly, space, folder, fingerprint, say, progress) if teach else None,
        fingerprint=fingerprint,
        costs=StaticCosts(space, assembly.profile),
        device=device,
        beside=beside,
    )


def _teacher(
    assembly: Assembly,
    space: CompressionSpace,
    folder: RunFolder,
    fingerprint: str,
    say: Say,
    progress: Progress,
) -> Teacher | None:
    spec = assembly.study.spec
    if spec.space.distillation is None:
        return None
    say(f"asking the teacher about {spec.training.teacher_views} views of each training input")
    return prepare_teacher(
        space.baseline_network(),
        assembly.data,
        augment=assembly.task.augment,
        views=spec.training.teacher_views,
        seed=spec.seed,
        precision=assembly.trainer(None).precision,
        folder=folder.teacher,
        key=fingerprint,
        progress=lambda done, total: progress(done, total, 0.0),
    )


def open_bench(
    study: str,
    overrides: list[str],
    folder: str,
    *,
    files: str | None = None,
    constraints: Sequence[tuple[str, str, float, bool]] | None = None,
    fingerprint: str | None = None,
) -> Bench:
    """Open a prepared run, e.g. in a worker.

    Args:
        study: Path of the study file.
        overrides: As given to the run.
        folder: Of the run.
        files: Folder of candidates' files where that is not the run's own.
        constraints: In place of the study's; what is read stays what the study names.
        fingerprint: Of the run, when this has to be of the same.

    Raises:
        SpecError: The study or its data are not usable, or are not what the run has.
    """
    assembly = assemble(read_study(Path(study), overrides))
    run = RunFolder(Path(folder))
    if fingerprint is not None:
        _check_same(assembly, run, fingerprint)
    bench = prepare(assembly, run, say=_quiet, progress=_no_progress)
    limits = bench.constraints
    if constraints is not None:
        limits = tuple(
            Constraint(name, Sense(sense), bound, confident)
            for name, sense, bound, confident in constraints
        )
    return replace(bench, files=None if files is None else Path(files), constraints=limits)


def _check_same(assembly: Assembly, folder: RunFolder, fingerprint: str) -> None:
    """Refuse to read what the run would not read; before a baseline is trained for it.

    Raises:
        SpecError: The data, the network or the code are not those of the run.
    """
    module = kept_module(assembly, folder)
    if module is None or assembly.fingerprint(module) != fingerprint:
        spec = assembly.study.spec
        raise SpecError(
            f"the data {spec.data.name!r} or the model {spec.model.name!r} must be the same in "
            f"every process, and are not those that {folder.path} has: a file of theirs was "
            "changed meanwhile, or something in them is random; seed every generator that is made "
            "there (those of torch, numpy and random are seeded)"
        )


def use_processors(spec: StudySpec) -> None:
    """Let torch compute with as many threads as a study says; with all processors otherwise."""
    torch.set_num_threads(spec.training.threads or _processors())


def _processors() -> int:
    """Return how many processors this process may use: fewer than there are in a container."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quiet(_text: str) -> None:
    return None


def _no_progress(_done: int, _total: int, _loss: float) -> None:
    return None
