"""A worker may die, hang or grow; the run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tightfit import Candidate, Outcome, Rung, SpecError
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import prepare
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study
from tightfit.studies.worker_process import TrialLimits, WorkerProcess

pytestmark = pytest.mark.slow

TINY = Path(__file__).parent / "tiny"
LONG = ["space.schedule.epochs=[2, 500]", "fidelity.rungs=[0.5]"]


class Steps:
    """Remembers progress, and can do something at the first step."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int, _loss: float) -> None:
        self.seen.append((done, total))


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    folder = tmp_path_factory.mktemp("study")
    for name in ("tiny.toml", "own.py"):
        shutil.copy(TINY / name, folder)
    run = RunFolder(folder / "runs" / "tiny")
    study = read_study(folder / "tiny.toml", LONG)
    prepare(assemble(study), run, say=lambda _text: None, progress=lambda _d, _t, _l: None)
    return {"study": str(folder / "tiny.toml"), "overrides": LONG, "folder": str(run.path)}


@pytest.fixture
def steps() -> Steps:
    return Steps()


def make_worker(start: dict[str, object], steps: Steps, limits: TrialLimits) -> WorkerProcess:
    log = Path(str(start["folder"])) / "worker.log"
    return WorkerProcess(start, log, fingerprint="f", limits=limits, progress=steps)


@pytest.fixture
def worker(start: dict[str, object], steps: Steps) -> Iterator[WorkerProcess]:
    made = make_worker(start, steps, TrialLimits())
    yield made
    made.close()


def short(start: dict[str, object], bits: int = 8) -> Candidate:
    study = read_study(Path(str(start["study"])), LONG)
    assembly = assemble(study)
    space = assembly.space(assembly.model.module).search_space
    return space.from_choices({"network.bits": bits})


def long(start: dict[str, object]) -> Candidate:
    study = read_study(Path(str(start["study"])), LONG)
    assembly = assemble(study)
    space = assembly.space(assembly.model.module).search_space
    return space.from_choices({"network.bits": 8, "training.epochs": 500})


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "tightfit.studies.worker" in " ".join(child.cmdline())]


def test_a_worker_evaluates_and_tells_its_steps(
    worker: WorkerProcess, steps: Steps, start: dict[str, object]
) -> None:
    record = worker.evaluate(short(start), "tpe", 0)
    assert record.outcome is Outcome.EVALUATED
    assert record.trained
    assert steps.seen[-1] == (14, 14)
    heir = worker.starting_from([long(start), short(start)]).evaluate(short(start, 4), "tpe", 1)
    assert heir.outcome is Outcome.EVALUATED
    assert heir.start is not None
    assert heir.start.donor == short(start)


def test_a_worker_asks_at_a_rung_and_does_as_it_is_told(
    worker: WorkerProcess, start: dict[str, object]
) -> None:
    asked: list[Rung] = []

    def once(rung: Rung) -> bool:
        asked.append(rung)
        return len(asked) == 1

    whole = worker.evaluate(short(start), "tpe", 0)
    went_on = worker.evaluate_by_rungs(short(start), "tpe", 0, once)
    stopped = worker.evaluate_by_rungs(short(start), "tpe", 0, once)
    assert [rung.share for rung in asked] == [0.5, 0.5]
    assert went_on.rungs == (asked[0],)
    assert went_on.measurement["accuracy"] == whole.measurement["accuracy"]
    assert asked[0].measurement["accuracy"].repeats == 90
    assert stopped.outcome is Outcome.STOPPED
    assert stopped.rungs == (asked[1],)
    assert asked[0].measurement["accuracy"] == asked[1].measurement["accuracy"]
    assert stopped.reason == "stopped after 50% of its training"
    assert worker.evaluate(short(start), "tpe", 0).rungs == ()


def test_a_killed_worker_is_a_failed_record_and_a_new_worker(
    worker: WorkerProcess, steps: Steps, start: dict[str, object]
) -> None:
    over = threading.Event()

    def kill() -> None:
        while not (steps.seen or over.is_set()):
            time.sleep(0.01)
        for child in children():
            os.kill(child.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    record = worker.evaluate(long(start), "tpe", 0)
    over.set()
    killer.join()
    assert record.outcome is Outcome.FAILED
    assert record.trained
    assert "ended by SIGKILL; was memory short?" in record.reason
    assert worker.evaluate(short(start), "tpe", 1).outcome is Outcome.EVALUATED


def test_a_trial_that_takes_too_long_is_ended(start: dict[str, object], steps: Steps) -> None:
    worker = make_worker(start, steps, TrialLimits(seconds=1.5))
    record = worker.evaluate(long(start), "tpe", 0)
    assert record.outcome is Outcome.FAILED
    assert "took longer than 0.025 minutes" in record.reason
    assert not children()


def test_a_trial_that_takes_too_much_memory_is_ended(
    start: dict[str, object], steps: Steps
) -> None:
    worker = make_worker(start, steps, TrialLimits(memory_mb=50))
    record = worker.evaluate(long(start), "tpe", 0)
    assert record.outcome is Outcome.FAILED
    assert "MB of memory; the limit of a trial is 50" in record.reason


def test_a_study_that_cannot_be_used_is_refused_at_the_start(
    start: dict[str, object], steps: Steps
) -> None:
    worker = make_worker({**start, "study": "/nowhere.toml"}, steps, TrialLimits())
    with pytest.raises(SpecError, match=r"/nowhere\.toml cannot be read"):
        worker.open()
    assert not children()


def test_a_worker_leaves_when_its_run_is_gone(worker: WorkerProcess) -> None:
    worker.open()
    (child,) = children()
    worker.close()
    assert not child.is_running()
