"""Runs a study: prepares the baseline, searches, keeps everything, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace

from tightfit import InheritingEvaluator, Record
from tightfit.search import Progress as SearchProgress
from tightfit.search import SearchOutcome, Stopped
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.baseline import READINGS_FILE
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.binding import binding_limits
from tightfit.studies.duration import seconds_of
from tightfit.studies.gains import keep_gains
from tightfit.studies.outsiders import outsider_records
from tightfit.studies.plan import Plan
from tightfit.studies.references import references
from tightfit.studies.report import write_report
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.same_run import check_same_spec, check_unchanged
from tightfit.studies.session import (
    RunRequest,
    Watcher,
    as_written,
    check_same_study,
    keep_plan,
    make_search,
    prepared,
    working,
)
from tightfit.studies.spec import StudySpec
from tightfit.studies.testing import measure_front


def run_study(request: RunRequest, watcher: Watcher) -> tuple[Results, SearchOutcome | None]:
    """Run a study, or go on with a run, until its trials are spent.

    Returns:
        What was found, and how the search ended; ``None`` when the run was finished before.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    folder = request.folder
    check_same_study(request)
    finished = _finished(folder, request.study.spec)
    if finished is not None:
        check_unchanged(assemble(request.study), folder)
        _renew_report(finished, folder)
        return finished, None
    with prepared(request, watcher) as bench, working(request, bench, watcher) as worker:
        outcome = _search(bench, worker, watcher)
    return folder.results(), outcome


def run_objects(assembly: Assembly, folder: RunFolder, watcher: Watcher) -> Results:
    """Run a study of live objects in this process.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    spec = assembly.study.spec
    check_same_spec(spec, folder)
    finished = _finished(folder, spec)
    if finished is not None:
        check_unchanged(assembly, folder)
        _renew_report(finished, folder)
        return finished
    folder.make()
    watcher.begin(assembly.metrics)
    with folder.locked():
        if folder.started():  # before anything is written that is not the run's
            check_unchanged(assembly, folder)
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step)
        keep_plan(bench, None, None)
        _search(bench, bench.evaluator(watcher.step), watcher)
    return folder.results()


def _finished(folder: RunFolder, spec: StudySpec) -> Results | None:
    """Return the results of a run of this study that spent what it was given and lacks nothing."""
    if not folder.started():
        return None
    if not all(path.is_file() for path in (folder.binding, folder.baseline / READINGS_FILE)):
        return None
    results = folder.results()
    trained = sum(record.trained for record in results.records)
    if not results.finished:
        return None
    values, plan = spec.model_dump(mode="json"), Plan.read(folder.plan)
    why = None if results.ending is None else results.ending.why
    spent = why in (Stopped.TIME, Stopped.PATIENCE) and replace(plan, spec=values).end == plan.end
    return results if spent or trained >= spec.trials else None


def _search(bench: Bench, evaluator: InheritingEvaluator, watcher: Watcher) -> SearchOutcome:
    spec, folder = bench.assembly.study.spec, bench.folder
    plan = Plan.read(folder.plan)
    search = make_search(bench, as_written(bench, evaluator))

    def on_record(record: Record, progress: SearchProgress) -> None:
        watcher.record(record, progress)
        folder.keep_front_files(search.records, plan)

    if search.get("ending") is not None:
        search.set("ending", None)
    outcome = search.run(
        trials=spec.trials,
        seconds=None if spec.within is None else seconds_of(spec.within),
        patience=spec.patience,
        references=references(bench),
        on_record=on_record,
    )
    for record in outsider_records(
        bench, search.records, search.references, say=watcher.say, progress=watcher.step
    ):
        search.add_reference(record)
    search.set("ending", {"why": outcome.stopped.value, "message": outcome.message})
    keep_gains(folder.binding, binding_limits(bench, search.records))
    measure_front(folder.results(), folder, bench.assembly, say=watcher.say)
    if outcome.stopped is not Stopped.FAILING:
        # The last of all that takes time: what is interrupted before it is done when the run goes
        # on, while a finished run is only read.
        search.set("finished", plan.end)
    _write_report(folder.results(), folder)
    return outcome


def _write_report(results: Results, folder: RunFolder) -> None:
    write_report(results, folder.report, final=folder.final.read(results.quality.name))


def _renew_report(results: Results, folder: RunFolder) -> None:
    """Write the report of a finished run where an interrupt came before it was written.

    That takes seconds, and the run is finished by then: its report is missing, or older than the
    files that it shows.
    """
    shown = (folder.journal, folder.binding, folder.final.path)
    newest = max((path.stat().st_mtime_ns for path in shown if path.is_file()), default=0)
    if not folder.report.is_file() or folder.report.stat().st_mtime_ns < newest:
        _write_report(results, folder)
