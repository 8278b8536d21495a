"""A study made ready to be searched in its run: what every command that trains begins with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from tightfit import (
    Constraint,
    Direction,
    Evaluator,
    InheritingEvaluator,
    Metric,
    Record,
    RungEvaluator,
)
from tightfit.search import Halving, Inheriting, Search, open_storage, snapshot
from tightfit.search import Progress as SearchProgress
from tightfit.search.storage import absolute
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.plan import ENDS, Plan
from tightfit.studies.prediction_error import static_errors
from tightfit.studies.references import believed_damage
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.same_run import (
    check_same_fingerprint,
    check_same_spec,
    check_same_storage,
    check_unchanged,
    claim,
    forget_limits,
)
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
        storage: URL of another storage than the run's own file; ``None`` is the one that a run
            has.
    """

    study: Study
    study_path: Path
    overrides: tuple[str, ...]
    folder: RunFolder
    storage: str | None = None


@contextmanager
def prepared(request: RunRequest, watcher: Watcher, *, run: bool = True) -> Iterator[Bench]:
    """Prepare a study in its run's folder, and keep other processes out of there inside.

    Args:
        request: What is asked for.
        watcher: Told what is done.
        run: Whether it is run. A question may train nothing, so that the teacher is not asked yet,
            and a run that it finds ends where it was to end.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
    """
    folder = request.folder
    check_same_study(request)
    folder.make()
    with folder.locked():
        assembly = assemble(request.study)
        if folder.started():  # before a baseline is trained that is not the run's
            check_unchanged(assembly, folder)
        watcher.begin(assembly.metrics)
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step, teach=run)
        keep_plan(bench, request.study_path, request.storage, run=run)
        yield bench


def check_same_study(request: RunRequest) -> None:
    """Refuse a folder that holds another study's run, or keeps it in another storage.

    Raises:
        SpecError: It does; the differences are listed.
    """
    check_same_spec(request.study.spec, request.folder)
    check_same_storage(request.storage, request.folder, request.study.name)


@contextmanager
def working(request: RunRequest, bench: Bench, watcher: Watcher) -> Iterator[WorkerProcess]:
    """Give a process that evaluates candidates, and end it."""
    trial = request.study.spec.trial
    worker = WorkerProcess(
        {
            "study": str(request.study_path.resolve()),
            "overrides": list(request.overrides),
            "folder": str(request.folder.path.resolve()),
            "files": str(bench.workshop.folder.resolve()),
            "constraints": [
                (each.metric, each.sense.value, each.bound, each.confident)
                for each in bench.constraints
            ],
            "fingerprint": bench.fingerprint,
        },
        request.folder.log,
        fingerprint=bench.fingerprint,
        limits=TrialLimits(
            seconds=None if trial.minutes is None else 60 * trial.minutes,
            memory_mb=trial.memory_mb,
        ),
        progress=watcher.step,
    )
    try:
        watcher.say("starting the worker")
        worker.open()
        yield worker
    finally:
        worker.close()


def as_written(bench: Bench, evaluator: InheritingEvaluator) -> Evaluator:
    """Return what trains as a study says: from inherited weights, with ends before the end."""
    spec = bench.assembly.study.spec
    if spec.fidelity is None and not spec.training.inherit:
        return evaluator
    plan = Plan.read(bench.folder.plan)
    known = snapshot(open_storage(plan.storage or bench.folder.journal), plan.name).records
    trained = inheriting(bench, evaluator, known)
    if spec.fidelity is None:
        return trained
    return Halving(
        trained,
        keep=spec.fidelity.keep,
        objectives=bench.assembly.objectives,
        constraints=bench.constraints,
        known=known,
    )


def inheriting(
    bench: Bench, evaluator: InheritingEvaluator, known: Iterable[Record]
) -> RungEvaluator:
    """Return what begins with the weights of known candidates, where a study says so."""
    if not bench.assembly.study.spec.training.inherit:
        return evaluator
    return Inheriting(
        evaluator,
        space=bench.space.search_space,
        shaping=bench.space.shaping,
        objectives=bench.assembly.objectives,
        known=known,
    )


def make_search(
    bench: Bench,
    evaluator: Evaluator,
    *,
    constraints: Sequence[Constraint] | None = None,
    name: str | None = None,
) -> Search:
    """Return the search of a prepared study, with all that was recorded.

    Args:
        bench: The study.
        evaluator: Turns its candidates into records.
        constraints: In place of the study's.
        name: Under which other limits than the study's are recorded.

    Raises:
        SpecError: The storage has another study, or another run's, of that name.
    """
    spec, plan = bench.assembly.study.spec, Plan.read(bench.folder.plan)
    limits = bench.constraints if constraints is None else tuple(constraints)
    search = Search(
        space=bench.space.search_space,
        costs=bench.costs,
        constraints=limits,
        objectives=bench.assembly.objectives,
        evaluator=evaluator,
        storage=open_storage(plan.storage or bench.folder.journal),
        name=name or plan.name,
        fingerprint=bench.fingerprint,
        static_errors=static_errors(limits),
        sampler=spec.sampler,
        damage=believed_damage(bench),
        corner=plan.reference_point,
        seed=spec.seed,
    )
    claim(search, plan, name or plan.name)
    return search


def keep_plan(
    bench: Bench, study_path: Path | None, storage: str | None, *, run: bool = True
) -> None:
    """Write what the run is about; one that was begun with other weights, data or code stays so.

    Records are found by the run's name in its storage: both stay as they were begun, whatever the
    study's file is called now.

    Args:
        bench: The study.
        study_path: Its file.
        storage: URL of another storage than the run's own file.
        run: Whether it is run; otherwise the end of one that was begun stays.

    Raises:
        SpecError: The run was begun with others, or has records under other limits.
    """
    check_same_fingerprint(bench.fingerprint, bench.folder)
    folder, plan = bench.folder, _plan(bench, study_path, storage)
    if folder.started():
        # Another process may have found something since it was looked at.
        check_same_spec(bench.assembly.study.spec, folder)
        begun = Plan.read(folder.plan)
        forget_limits(folder, begun, plan)
        plan = replace(plan, name=begun.name, storage=begun.storage, run_id=begun.run_id)
        if not run:
            ends = {key: begun.spec[key] for key in ENDS if key in begun.spec}
            plan = replace(plan, spec={**plan.spec, **ends})
    plan.write(folder.plan)


def _plan(bench: Bench, study_path: Path | None, storage: str | None) -> Plan:
    assembly = bench.assembly
    return Plan(
        name=assembly.study.name,
        spec=assembly.study.spec.model_dump(mode="json"),
        study_path=None if study_path is None else str(study_path.resolve()),
        storage=None if storage is None else absolute(storage),
        fingerprint=bench.fingerprint,
        space=bench.space.search_space,
        metrics=assembly.metrics,
        constraints=bench.constraints,
        objectives=assembly.objectives,
        baseline=bench.baseline,
        reference_point=reference_point(bench),
        basis=assembly.basis(),
        run_id=uuid4().hex,
    )


def reference_point(bench: Bench) -> tuple[float, ...]:
    """Return where the hypervolume is measured from, one value an objective.

    The limit on an objective's metric where the study has one on its worse side; elsewhere a tenth
    worse than the baseline, of its value or, where that is 0, of one.
    """
    point = []
    for objective in bench.assembly.objectives:
        worse = {Direction.MINIMIZE: "<=", Direction.MAXIMIZE: ">="}[objective.direction]
        bounds = [
            constraint.bound
            for constraint in bench.constraints
            if constraint.metric == objective.metric and constraint.sense.value == worse
        ]
        if bounds:
            point.append(bounds[0])
            continue
        value = bench.baseline.value(objective.metric)
        sign = 1 if objective.direction is Direction.MINIMIZE else -1
        point.append(value + sign * _MARGIN * (abs(value) or 1.0))
    return tuple(point)
