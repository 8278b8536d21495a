"""Runs a study: prepares the baseline, searches, keeps everything, and goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tightfit import Direction, Evaluator, Metric, Record, SpecError
from tightfit.search import Progress as SearchProgress
from tightfit.search import Search, SearchOutcome, Stopped, open_storage
from tightfit.studies.assembly import Assembly, assemble, static_errors
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.outsiders import outsider_records
from tightfit.studies.plan import Plan
from tightfit.studies.references import believed_damage, references
from tightfit.studies.report import write_report
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
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
    with folder.locked():
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
    with folder.locked():
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step)
        _keep_plan(bench, None, None)
        _search(bench, bench.evaluator(watcher.step), watcher)
    return folder.results()


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
        damage=believed_damage(bench),
        corner=plan.reference_point,
        seed=spec.seed,
    )

    def on_record(record: Record, progress: SearchProgress) -> None:
        watcher.record(record, progress)
        folder.keep_front_files(search.records, plan)

    outcome = search.run(trials=spec.trials, references=references(bench), on_record=on_record)
    for record in outsider_records(
        bench, search.records, search.references, say=watcher.say, progress=watcher.step
    ):
        search.add_reference(record)
    if outcome.stopped is not Stopped.FAILING:
        search.set("finished", spec.trials)
    results = folder.results()
    write_report(results, folder.report, final=folder.final.read(results.quality.name))
    return outcome


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
