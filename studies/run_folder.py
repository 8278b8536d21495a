"""Where a run keeps what."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import time
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tightfit import Candidate, Record, SpecError
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.search.front import pareto_front
from tightfit.search.inheritance import weights_kept
from tightfit.search.ledger import Snapshot, snapshot
from tightfit.search.storage import open_to_read
from tightfit.studies.final import FinalScores
from tightfit.studies.gains import read_gains
from tightfit.studies.plan import Plan
from tightfit.studies.results import Ending, Results

DATABASE_SECONDS = 10.0
"""A database has to be asked whether a run has gone on: no more often than that."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run and the names in it."""

    path: Path

    @property
    def plan(self) -> Path:
        """What the run was started to do."""
        return self.path / "plan.json"

    @property
    def journal(self) -> Path:
        """The embedded storage."""
        return self.path / "journal.log"

    @property
    def baseline(self) -> Path:
        """Folder of the uncompressed network's own file and readings."""
        return self.path / "baseline"

    @property
    def teacher(self) -> Path:
        """Folder of the teacher's outputs."""
        return self.path / "teacher"

    @property
    def candidates(self) -> Path:
        """Folder of the files of candidates, one folder each."""
        return self.path / "candidates"

    @property
    def sensitivity(self) -> Path:
        """What each single choice was found to damage."""
        return self.path / "sensitivity.json"

    @property
    def comparison(self) -> Path:
        """Folder of the searches that compare samplers."""
        return self.path / "comparison"

    @property
    def compared(self) -> Path:
        """Folder of the files of candidates while samplers are compared: none of the run's own."""
        return self.comparison / "candidates"

    @property
    def proof(self) -> Path:
        """Why no candidate can keep the static limits, where that was proven."""
        return self.path / "proof.json"

    @property
    def witness(self) -> Path:
        """Folder of an exported candidate that keeps all limits, where one was asked for."""
        return self.path / "witness"

    @property
    def binding(self) -> Path:
        """What one per cent more of each limit would give."""
        return self.path / "binding.json"

    @property
    def log(self) -> Path:
        """What workers printed."""
        return self.path / "worker.log"

    @property
    def report(self) -> Path:
        """The report page."""
        return self.path / "report.html"

    @property
    def final(self) -> FinalScores:
        """What exported files reached on the test split."""
        return FinalScores(self.path / "test_split.json")

    def candidate(self, candidate: Candidate) -> Path:
        """Folder of one candidate's files."""
        return self.candidates / candidate.key

    def make(self) -> None:
        """Make the folder and those in it.

        Raises:
            SpecError: It cannot be made or written.
        """
        try:
            for folder in (self.path, self.baseline, self.teacher, self.candidates):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.path / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SpecError(
                f"the run's folder {self.path} cannot be written: {error.strerror}; "
                "choose another with --to"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from running here meanwhile; a lock goes with its process.

        Raises:
            SpecError: Another one is running here.
        """
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SpecError(
                    f"another process is running {self.path}; wait for it, or choose another "
                    "folder with --to"
                ) from None
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def started(self) -> bool:
        """Whether a run was begun here."""
        return self.plan.is_file()

    def results(self) -> Results:
        """Return what the run has found so far.

        Raises:
            SpecError: This is not a run, or its storage cannot be read.
        """
        plan = Plan.read(self.plan)
        kept = Snapshot()
        if plan.storage or self.journal.is_file():
            kept = snapshot(open_to_read(plan.storage or self.journal), plan.name)
        return Results(
            name=plan.name,
            folder=self.path,
            space=plan.space,
            metrics=plan.metrics,
            constraints=plan.constraints,
            objectives=plan.objectives,
            baseline=plan.baseline,
            records=kept.records,
            references=kept.references,
            reference_point=plan.reference_point,
            finished=kept.values.get("finished") == plan.end,
            ending=_ending(kept.values.get("ending")),
            gains=read_gains(self.binding),
        )

    def stamp(self) -> Hashable:
        """Return what is another value when :meth:`results` may be others, without reading them.

        Sizes and times of files; with records in a database, another value every
        ``DATABASE_SECONDS``.

        Raises:
            SpecError: This is not a run.
        """
        plan, journal, gains = (_stamp(each) for each in (self.plan, self.journal, self.binding))
        turn = int(time.monotonic() // DATABASE_SECONDS) if _in_database(self.plan, plan) else 0
        return plan, journal, gains, turn

    def keep_front_files(
        self, records: tuple[Record, ...], plan: Plan, *, without: Collection[Candidate] = ()
    ) -> None:
        """Remove the files of candidates that are not on the front: only those are exported.

        Where candidates inherit, the weights of some others stay.

        Args:
            records: Of the run.
            plan: What it was started to do.
            without: Candidates whose files did not hold: the front of the others stays as well.
        """
        others = tuple(each for each in records if each.candidate not in without)
        fronts = [pareto_front(each, plan.objectives).members for each in (records, others)]
        kept = {record.candidate.key for members in fronts for record in members}
        donors: set[str] = set()
        if plan.spec["training"].get("inherit"):
            donors = {each.key for each in weights_kept(records, plan.objectives)}
        for folder in self.candidates.iterdir():
            if folder.name in donors - kept:
                for path in folder.iterdir():
                    if path.name != WEIGHTS_FILE:
                        path.unlink()
            elif folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return a file's size in bytes and when it was written, in nanoseconds."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=8)
def _in_database(plan: Path, _written: tuple[int, int] | None) -> bool:
    return Plan.read(plan).storage is not None


def _ending(kept: object) -> Ending | None:
    return Ending(**kept) if isinstance(kept, dict) else None


def open_run(path: Path) -> RunFolder:
    """Return a run that exists.

    Raises:
        SpecError: There is no such folder, or it holds no run.
    """
    if not path.is_dir():
        make = shlex.join(["tightfit", "run", "STUDY", "--to", str(path)])
        raise SpecError(f"there is no run {path}; '{make}' makes one")
    folder = RunFolder(path)
    if not folder.started():
        raise SpecError(f"{path} is not a run: it has no {folder.plan.name}")
    return folder
