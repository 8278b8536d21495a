"""Runs a study: prepares the baseline, searches, keeps everything, and goes on where it stopped."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tightfit import Candidate, Direction, Evaluator, Metric, Record, SpecError
from tightfit.search import Progress as SearchProgress
from tightfit.search import (
    Search,
    SearchOutcome,
    Stopped,
    allocated_candidates,
    open_storage,
)
from tightfit.search.reference_candidates import reference_candidates
from tightfit.studies.assembly import Assembly, assemble, static_errors
from tightfit.studies.baseline import Say, trained_module
from tightfit.studies.bench import Bench, prepare, use_processors
from tightfit.studies.outsiders import outsider_records
from tightfit.studies.plan import Plan
from tightfit.studies.report import write_report
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.sensitivity import Sensitivity, SensitivityProgress, measure_sensitivity
from tightfit.studies.spec import StudySpec
from tightfit.studies.study_file import Study
from tightfit.studies.worker_process import TrialLimits, WorkerProcess

_MARGIN = 0.1


class Watcher(Protocol):
    """Sees a run on its way; the command line's progress bar is one."""

    def begin(self, metrics: Mapping[str, Metric]) -> None:
        """Learn the study's metrics."""
        ...

    def say(self, text: str) -> None:
        """Hear what is being done."""
        ...

    def step(self, done: int, total: int, loss: float) -> None:
        """Hear of the training's steps, or of another job's parts."""
        ...

    def record(self, record: Record, progress: SearchProgress) -> None:
        """See a record that was kept."""
        ...


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asks for.

    Attributes:
        study: As it was read.
        study_path: Its file.
        overrides: As given with ``--set``.
        folder: Of the run.
        storage: URL of another storage than the run's own file.
    """

    study: Study
    study_path: Path
    overrides: tuple[str, ...]
    folder: RunFolder
    storage: str | None = None


def run_study(request: RunRequest, watcher: Watcher) -> tuple[Results, SearchOutcome | None]:
    """Run a study, or go on with a run, until its trials are spent.

    Returns:
        What was found, and how the search ended; ``None`` when the run was finished before.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    spec = request.study.spec
    folder = request.folder
    finished = _finished(folder, spec)
    if finished is not None:
        return finished, None
    folder.make()
    with _only_run(folder):
        assembly = assemble(request.study)
        watcher.begin(assembly.metrics)
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step)
        _keep_plan(bench, request.study_path, request.storage)
        worker = WorkerProcess(
            {
                "study": str(request.study_path.resolve()),
                "overrides": list(request.overrides),
                "folder": str(folder.path.resolve()),
            },
            folder.log,
            fingerprint=bench.fingerprint,
            limits=TrialLimits(
                seconds=None if spec.trial.minutes is None else 60 * spec.trial.minutes,
                memory_mb=spec.trial.memory_mb,
            ),
            progress=watcher.step,
        )
        try:
            watcher.say("starting the worker")
            worker.open()
            outcome = _search(bench, worker, watcher)
        finally:
            worker.close()
    return folder.results(), outcome


def run_objects(assembly: Assembly, folder: RunFolder, watcher: Watcher) -> Results:
    """Run a study of live objects in this process.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    finished = _finished(folder, assembly.study.spec)
    if finished is not None:
        return finished
    folder.make()
    watcher.begin(assembly.metrics)
    with _only_run(folder):
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step)
        _keep_plan(bench, None, None)
        _search(bench, bench.evaluator(watcher.step), watcher)
    return folder.results()


def study_sensitivity(
    study: Study, folder: RunFolder, *, tuned: int, say: Say, progress: SensitivityProgress
) -> Sensitivity:
    """Measure what each single choice of a study damages, and keep it in the run's folder.

    Args:
        study: As it was read.
        folder: Of a run, begun or not; made when it is not there.
        tuned: How many choices are trained for a moment.
        say: Told what is being done.
        progress: Told how far it is.

    Raises:
        SpecError: The study cannot be run as written, or the folder cannot be written.
    """
    folder.make()
    with _only_run(folder):
        assembly = assemble(study)
        use_processors(study.spec)
        module = trained_module(assembly, folder, say=say, progress=lambda *_: None)
        return measure_sensitivity(
            assembly, module, folder.sensitivity, tuned=tuned, progress=progress
        )


def _finished(folder: RunFolder, spec: StudySpec) -> Results | None:
    """Return the results of a run of this study that has spent its trials."""
    if not folder.started():
        return None
    Plan.read(folder.plan).check_same_study(spec.model_dump(mode="json"), folder.path)
    results = folder.results()
    trained = sum(record.trained for record in results.records)
    return results if results.finished and trained >= spec.trials else None


def _search(bench: Bench, evaluator: Evaluator, watcher: Watcher) -> SearchOutcome:
    spec, folder = bench.assembly.study.spec, bench.folder
    plan = Plan.read(folder.plan)
    search = Search(
        space=bench.space.search_space,
        costs=bench.costs,
        constraints=bench.constraints,
        objectives=bench.assembly.objectives,
        evaluator=evaluator,
        storage=open_storage(plan.storage or folder.journal),
        name=plan.name,
        fingerprint=bench.fingerprint,
        static_errors=static_errors(bench.constraints),
        sampler=spec.sampler,
        seed=spec.seed,
    )

    def on_record(record: Record, progress: SearchProgress) -> None:
        watcher.record(record, progress)
        folder.keep_front_files(search.records, plan)

    outcome = search.run(trials=spec.trials, references=_references(bench), on_record=on_record)
    for record in outsider_records(
        bench, search.records, search.references, say=watcher.say, progress=watcher.step
    ):
        search.add_reference(record)
    if outcome.stopped is not Stopped.FAILING:
        search.set("finished", spec.trials)
    results = folder.results()
    write_report(results, folder.report, final=folder.final.read(results.quality.name))
    return outcome


def _references(bench: Bench) -> list[tuple[str, Candidate]]:
    """Return the plain ways that stand beside the search."""
    table = bench.assembly.study.spec.references
    space = bench.space.search_space
    found = reference_candidates(
        space,
        bench.costs,
        bench.constraints,
        base=_best_training(bench),
        static_errors=static_errors(bench.constraints),
        uniform=table.uniform,
    )
    plain = [
        (reference.origin, reference.candidate)
        for reference in found
        if reference.origin.startswith("uniform") or table.single_techniques
    ]
    return plain + _allocated(bench)


def _allocated(bench: Bench) -> list[tuple[str, Candidate]]:
    """Return the least damaging candidates, where what single choices damage was measured."""
    known = Sensitivity.read(bench.folder.sensitivity, bench.fingerprint)
    if known is None:
        return []
    space = bench.space.search_space
    found = allocated_candidates(
        space,
        bench.costs,
        bench.constraints,
        base=_best_training(bench),
        damage=known.damage(space),
        static_errors=static_errors(bench.constraints),
        count=bench.assembly.study.spec.references.allocated,
    )
    return [(reference.origin, reference.candidate) for reference in found]


def _best_training(bench: Bench) -> Candidate:
    """Return the candidate that compresses nothing and trains as long as the study allows."""
    space = bench.space.search_space
    choices = {
        hparam.name: hparam.choices[-1]
        for hparam in space.hparams
        if hparam.name in ("training.epochs", "distillation.weight")
    }
    return space.from_choices(choices)


def _keep_plan(bench: Bench, study_path: Path | None, storage: str | None) -> None:
    """Write what the run is about; one that was begun with other weights, data or code stays so.

    Raises:
        SpecError: The run was begun with others.
    """
    folder = bench.folder
    if folder.started() and Plan.read(folder.plan).fingerprint != bench.fingerprint:
        raise SpecError(
            f"{folder.path} was begun with other weights, data, code of yours, or another version; "
            "its readings do not compare with new ones; choose another folder with --to"
        )
    _plan(bench, study_path, storage).write(folder.plan)


def _plan(bench: Bench, study_path: Path | None, storage: str | None) -> Plan:
    assembly = bench.assembly
    return Plan(
        name=assembly.study.name,
        spec=assembly.study.spec.model_dump(mode="json"),
        study_path=None if study_path is None else str(study_path.resolve()),
        storage=storage,
        fingerprint=bench.fingerprint,
        space=bench.space.search_space,
        metrics=assembly.metrics,
        constraints=bench.constraints,
        objectives=assembly.objectives,
        baseline=bench.baseline,
        reference_point=reference_point(bench),
    )


def reference_point(bench: Bench) -> tuple[float, ...]:
    """Return where the hypervolume is measured from, one value an objective.

    The limit on an objective's metric where the study has one on its worse side; elsewhere a tenth
    worse than the baseline.
    """
    point = []
    for objective in bench.assembly.objectives:
        worse = {Direction.MINIMIZE: "<=", Direction.MAXIMIZE: ">="}[objective.direction]
        bounds = [
            constraint.bound
            for constraint in bench.constraints
            if constraint.metric == objective.metric and constraint.sense.value == worse
        ]
        value = bench.baseline.value(objective.metric)
        sign = 1 if objective.direction is Direction.MINIMIZE else -1
        point.append(bounds[0] if bounds else value + sign * _MARGIN * abs(value))
    return tuple(point)


@contextmanager
def _only_run(folder: RunFolder) -> Iterator[None]:
    """Keep other processes from running here meanwhile; the kernel lets go when this one dies."""
    with (folder.path / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpecError(
                f"another process is running {folder.path}; wait for it, or choose another folder "
                "with --to"
            ) from None
        lock.write(str(os.getpid()))
        lock.flush()
        yield
