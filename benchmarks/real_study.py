"""A real study, searched by Tightfit and by a plain script of Optuna's, one after the other.

    python -m benchmarks.real_study FOLDER [--hours 6] [--sensitivity] [--study FILE]

The quickstart, or another study, with every layer's bits and rank by itself. Each side gets the
same time on the wall, begun with a fresh folder: its baseline, teacher and references count, and so
do sensitivities where Tightfit takes them. What one side has found is known after every trial, with
the time and the processor time until then, of all its processes. Called again, a side goes on where
it was stopped, and its clocks with it. On a machine with other work, compare processor times.

Printed: after which share of its time Tightfit had the hypervolume that the plain script has at its
end, how far each was at some shares of the time, and how many of the plain script's candidates
within the limits a member of Tightfit's is at least as good as, when both have had the same time.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import psutil
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from benchmarks.plain_optuna import EACH_LAYER, JOURNAL, STUDY
from tightfit import Direction, FloatArray
from tightfit.search import hypervolume, open_storage
from tightfit.studies.run_folder import RunFolder

DIRECTIONS = (Direction.MAXIMIZE, Direction.MINIMIZE)
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
_EVERY = 2.0
_ENDED = (0, 1, 130, -signal.SIGINT)
"""Exit codes of a side that did its work or was stopped on the way."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one side found, in the order in which trials ended.

    Attributes:
        points: Accuracy and bytes of each trained candidate that keeps all limits, ``[n, 2]``.
        wall: Seconds of that side until then, ``[n]``.
        processor: Seconds of processor time of all its processes until then, ``[n]``.
        trained: How many candidates were trained, those that keep a limit or not.
    """

    points: FloatArray
    wall: FloatArray
    processor: FloatArray
    trained: int

    def until(self, seconds: float, clock: FloatArray, corner: FloatArray) -> float:
        """Return the hypervolume after so many seconds of a clock."""
        return hypervolume(self.points[clock <= seconds], corner, directions=DIRECTIONS)

    def reaching(self, wanted: float, clock: FloatArray, corner: FloatArray) -> float:
        """Return when on a clock a hypervolume was reached; infinity when it was not."""
        for seconds in clock:
            if self.until(float(seconds), clock, corner) >= wanted:
                return float(seconds)
        return float("inf")


def timed(command: list[str], seconds: float, clock: Path) -> None:
    """Run a command until its clock says ``seconds``, all calls together, and write the clock.

    A line every two seconds: the time of day, and the seconds on the wall and of processor time
    that the command and its processes have taken until then.
    """
    lines = read_clock(clock)
    wall, used = (float(lines[-1, 1]), float(lines[-1, 2])) if len(lines) else (0.0, 0.0)
    if wall >= seconds:
        return
    began = time.time()
    with subprocess.Popen(command) as process, clock.open("a") as file:
        watched = psutil.Process(process.pid)
        here = 0.0
        while process.poll() is None:
            here = max(here, _processor(watched))
            now = time.time()
            file.write(json.dumps([now, wall + now - began, used + here]) + "\n")
            file.flush()
            if wall + now - began >= seconds:
                process.send_signal(signal.SIGINT)
                process.wait()
            time.sleep(_EVERY)
    if process.returncode not in _ENDED:
        raise SystemExit(f"ended with {process.returncode}: {' '.join(command)}")


def _processor(process: psutil.Process) -> float:
    """Return the processor time of a process, its children, and those that they have ended."""
    total = 0.0
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    except psutil.NoSuchProcess:
        return total
    return total


def read_clock(path: Path) -> FloatArray:
    """Return a clock's lines: time of day, wall, processor, ``[n, 3]``."""
    lines = path.read_text().splitlines() if path.is_file() else []
    return np.array([json.loads(line) for line in lines], dtype=np.float64).reshape(-1, 3)


def found_by_plain(folder: Path) -> Found:
    """Read the plain script's study."""
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    trials = optuna.load_study(study_name=JOURNAL, storage=storage).get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    kept = [trial for trial in complete if all(each <= 0 for each in trial.constraints.values())]
    points = np.array([trial.values for trial in kept]).reshape(-1, 2)
    return _found(points, kept, len(complete), folder)


def found_by_tightfit(folder: Path) -> Found:
    """Read the run's records."""
    run = RunFolder(folder)
    results = run.results()
    study = optuna.load_study(study_name=results.name, storage=open_storage(run.journal))
    pairs = list(zip(results.records, study.get_trials(deepcopy=False), strict=False))
    kept = [(record, trial) for record, trial in pairs if record.feasible]
    names = [objective.metric for objective in results.objectives]
    points = [[record.measurement.value(name) for name in names] for record, _ in kept]
    trained = sum(record.trained for record, _ in pairs)
    return _found(np.array(points).reshape(-1, 2), [trial for _, trial in kept], trained, folder)


def _found(points: FloatArray, trials: list[FrozenTrial], trained: int, folder: Path) -> Found:
    ends = np.array(
        [each.datetime_complete.timestamp() for each in trials if each.datetime_complete]
    )
    clock = read_clock(clock_of(folder))
    wall, processor = (np.interp(ends, clock[:, 0], clock[:, column]) for column in (1, 2))
    order = np.argsort(wall, kind="stable")
    return Found(points[order], wall[order], processor[order], trained)


def clock_of(folder: Path) -> Path:
    """Return where a side's clock is kept: beside its folder."""
    return folder.with_suffix(".clock.jsonl")


def compare(
    plain: Found, grey: Found, corner: FloatArray, clocks: tuple[FloatArray, FloatArray]
) -> None:
    """Print how far both were, on the wall and by processor time."""
    print(f"trained: plain {plain.trained}, tightfit {grey.trained}")
    for name, of_plain, of_grey, clock in (
        ("wall", plain.wall, grey.wall, 1),
        ("processor", plain.processor, grey.processor, 2),
    ):
        end = float(clocks[0][-1, clock])
        last = plain.until(end, of_plain, corner)
        print(f"\n{name} time: plain {end:.0f} s, tightfit {clocks[1][-1, clock]:.0f} s")
        print("| share of the plain script's time | plain | tightfit |")
        print("| --- | --- | --- |")
        for share in SHARES:
            sides = (
                plain.until(share * end, of_plain, corner),
                grey.until(share * end, of_grey, corner),
            )
            print(f"| {share:.0%} | {sides[0]:.4g} | {sides[1]:.4g} |")
        if last > 0:
            when = grey.reaching(last, of_grey, corner)
            print(f"tightfit has what plain has at its end after {when / end:.1%} of that time")
        members = grey.points[of_grey <= end]
        better = [
            bool(((members[:, 0] >= accuracy) & (members[:, 1] <= size)).any())
            for accuracy, size in plain.points
        ]
        print(
            f"of {len(better)} feasible candidates of plain's, {sum(better)} are matched or beaten"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--hours", type=float, default=6.0)
    parser.add_argument("--sensitivity", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true", help="run nothing, print what is there")
    arguments = parser.parse_args()
    # A shell's background jobs ignore interrupts, and so would the searches that are to be stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    plain, grey = (arguments.folder / name for name in ("plain", "tightfit"))
    plain.mkdir(parents=True, exist_ok=True)
    seconds = 3_600 * arguments.hours
    own = [f"--set={each}" for each in arguments.set]
    both = [f"--set={each}" for each in EACH_LAYER] + own
    study = [str(arguments.study), "--to", str(grey), *both]
    tightfit = [sys.executable, "-m", "tightfit.studies"]
    if not arguments.table:
        if arguments.sensitivity:
            timed([*tightfit, "sensitivity", *study], seconds, clock_of(grey))
        timed([*tightfit, "run", *study, "--trials", "100000"], seconds, clock_of(grey))
        script = [sys.executable, "-m", "benchmarks.plain_optuna", str(plain)]
        script += ["--study", str(arguments.study), *own]
        timed(script, seconds, clock_of(plain))
    corner = np.array(RunFolder(grey).results().reference_point)
    clocks = (read_clock(clock_of(plain)), read_clock(clock_of(grey)))
    compare(found_by_plain(plain), found_by_tightfit(grey), corner, clocks)


if __name__ == "__main__":
    main()
