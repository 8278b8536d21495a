"""Records survive kills, torn lines and full disks."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.search.builders import OBJECTIVES, evaluated, failed, screened
from tightfit import Constraint, Direction, Hparam, Objective, Record, SearchSpace, Sense, SpecError
from tightfit.search import StorageError, open_storage, records
from tightfit.search.ledger import SIGNATURE, Entry, Ledger, every_record
from tightfit.search.storage import absolute, open_to_read, without_password

SPACE = SearchSpace((Hparam("fc.bits", (None, 8, 4)),))
LIMITS = (Constraint("size_kb", Sense.AT_MOST, 100.0),)
RECORD = evaluated((1,), accuracy=0.5, size_kb=50.0)


def open_ledger(target: str | Path, name: str = "study") -> Ledger:
    """Open the ledger of the tests' space."""
    storage = open_storage(target)
    return Ledger(storage, name, space=SPACE, objectives=OBJECTIVES, constraints=LIMITS)


@pytest.fixture(params=["journal", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a storage may be, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/study.db"
    return str(tmp_path / "study.journal")


@pytest.fixture
def small_disk(mount_disk: Callable[[int], Path]) -> Path:
    """Mount a file system of one megabyte."""
    return mount_disk(1)


def test_what_was_kept_is_read_back(target: str) -> None:
    ledger = open_ledger(target)
    kept = (
        Entry(RECORD, draws=3, refused=((0,), (2,)), overhead_seconds=0.25),
        Entry(screened((2,), size_kb=120.0)),
        Entry(failed((0,))),
    )
    for entry in kept:
        ledger.add(entry)
    assert open_ledger(target).entries == kept
    assert records(open_storage(target), "study") == tuple(entry.record for entry in kept)


def test_networks_outside_the_space_are_kept_in_order(target: str) -> None:
    ledger = open_ledger(target)
    outside = tuple(
        evaluated((), accuracy=0.1 * i, size_kb=50.0, origin="small net") for i in range(12)
    )
    for record in outside:
        ledger.add_reference(record)
    assert open_ledger(target).references == outside
    assert ledger.entries == ()


def test_values_of_the_study_are_kept(target: str) -> None:
    ledger = open_ledger(target)
    assert ledger.get("baseline") is None
    ledger.set("baseline", {"accuracy": 0.9, "widths": [1, 2]})
    ledger.set("baseline", {"accuracy": 0.8})
    assert open_ledger(target).get("baseline") == {"accuracy": 0.8}


def test_two_studies_share_a_storage(target: str) -> None:
    open_ledger(target, "one").add(Entry(RECORD))
    assert open_ledger(target, "two").entries == ()


def test_optuna_sees_states_values_and_constraints(target: str) -> None:
    import optuna

    ledger = open_ledger(target)
    for record in (RECORD, screened((2,), size_kb=120.0), failed((0,))):
        ledger.add(Entry(record))
    study = optuna.load_study(study_name="study", storage=open_storage(target))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "PRUNED", "FAIL"]
    assert study.trials[0].values == [0.5, 50.0]
    assert study.trials[0].constraints == {"size_kb <= 100": -0.5}
    assert study.trials[0].params == {"fc.bits": 1}
    assert study.best_trials[0].number == 0


def test_a_study_with_other_directions_is_refused(target: str) -> None:
    open_ledger(target)
    with pytest.raises(SpecError, match="objectives to maximize, minimize, this one to minimize"):
        Ledger(
            open_storage(target),
            "study",
            space=SPACE,
            objectives=(Objective("size_kb", Direction.MINIMIZE),),
            constraints=LIMITS,
        )


def test_a_study_of_another_tool_is_refused(target: str) -> None:
    import optuna

    study = optuna.create_study(
        study_name="study", storage=open_storage(target), directions=["maximize", "minimize"]
    )
    study.add_trial(optuna.create_trial(values=[1.0, 2.0]))
    with pytest.raises(SpecError, match="trial 0 of the study 'study' holds no record"):
        open_ledger(target)


def test_studies_of_other_programs_in_a_storage_are_passed_over(target: str) -> None:
    import optuna

    ledger = open_ledger(target)
    ledger.set(SIGNATURE, {})
    ledger.add(Entry(RECORD))
    other = optuna.create_study(study_name="other", storage=open_storage(target))
    other.add_trial(optuna.create_trial(value=1.0))
    assert every_record(open_storage(target), RECORD.fingerprint) == (RECORD,)


def test_an_unknown_study_is_named_with_those_there_are(target: str) -> None:
    open_ledger(target)
    with pytest.raises(SpecError, match="no study 'other'; it has: study"):
        records(open_storage(target), "other")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense://x", "cannot open the storage 'nonsense://x': Can't load plugin"),
        ("sqlite:////nowhere/at/all.db", "unable to open database file"),
        ("mysql://ann:secret@host/db", r"'mysql://ann:\*\*\*@host/db'.*Failed to import DB"),
        ("://", "cannot open the storage '://'"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(url: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        open_storage(url)


@pytest.mark.parametrize(
    "content",
    [b"\x00\x01\x02\n\x03\n", b"a study\nof mine\n", b"{}\n{}\n", b"[1]\n", b"no line end"],
)
def test_a_file_that_is_no_journal_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"notes\.txt is not a journal of Tightfit"):
        open_storage(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot write the storage file .*No such file"):
        open_storage(tmp_path / "nowhere" / "study.journal")
    with pytest.raises(SpecError, match=r"cannot read the storage file .*No such file"):
        open_to_read(tmp_path / "nowhere" / "study.journal")


def test_a_torn_last_line_is_cut_off_by_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    open_ledger(path).add(Entry(RECORD))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"op_code":4,"worker_id":"torn, and no end')
    ledger = open_ledger(path)
    assert ledger.entries == (Entry(RECORD),)
    ledger.add(Entry(failed((2,))))
    assert len(open_ledger(path).entries) == 2
    assert path.read_bytes().startswith(whole)
    assert b"torn" not in path.read_bytes()


def test_a_journal_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    path.write_bytes(b'{"op_code":0,"wor')
    open_ledger(path).add(Entry(RECORD))
    assert open_ledger(path).entries == (Entry(RECORD),)


def big(position: int, size: int) -> Record:
    """Return a failed record whose reason is ``size`` characters."""
    return failed((position % 3,), reason="x" * size)


def test_a_full_disk_is_named_and_what_was_finished_stays(small_disk: Path) -> None:
    path = small_disk / "study.journal"
    (small_disk / "other").write_bytes(b"x" * 500_000)
    ledger = open_ledger(path)

    def fill() -> None:
        for position in range(100):
            ledger.add(Entry(big(position, 50_000)))

    with pytest.raises(StorageError, match=rf"{path} \(No space left on device\).*{small_disk}"):
        fill()
    finished = len(ledger.entries)
    assert finished > 5
    assert open_ledger(path).entries == ledger.entries

    (small_disk / "other").unlink()
    ledger.add(Entry(RECORD))
    open_ledger(path).add(Entry(RECORD))
    assert len(open_ledger(path).entries) == finished + 2


@pytest.mark.slow
def test_a_full_disk_under_a_database_is_told_and_what_was_finished_stays(
    small_disk: Path,
) -> None:
    url = f"sqlite:///{small_disk}/study.db"
    ledger = open_ledger(url)

    def fill() -> None:
        for position in range(100):
            ledger.add(Entry(big(position, 50_000)))

    with pytest.raises(StorageError, match=r"database or disk is full.*make room on its disk"):
        fill()
    assert len(ledger.entries) > 5
    assert open_ledger(url).entries == ledger.entries
    with pytest.raises(StorageError, match="database or disk is full"):
        ledger.set("value", "x" * 2_000_000)


WRITER = """
    import resource, sys
    from tests.search.builders import failed
    from tests.search.test_storage import Entry, big, open_ledger
    path, size, limit = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    ledger = open_ledger(path)
    for position in range(100_000):
        ledger.add(Entry(big(position, size)))
        print(position + 1, flush=True)
"""


def start_writer(path: Path, size: int, limit: int = 0) -> subprocess.Popen[str]:
    """Start a process that keeps records for as long as it can and prints how many it kept."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(path), str(size), str(limit)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_a_limit_on_the_file_ends_like_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "study.journal"
    out, error = start_writer(path, 20_000, limit=300_000).communicate(timeout=60)
    assert "StorageError: cannot write to" in error
    assert "File too large" in error
    assert len(open_ledger(path).entries) == int(out.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("size", [100, 300_000])
def test_a_killed_writer_loses_nothing_it_kept_and_leaves_no_lock(
    tmp_path: Path, size: int
) -> None:
    path = tmp_path / "study.journal"
    kept = 0
    for _ in range(2):
        writer = start_writer(path, size)
        assert writer.stdout is not None
        written = 0
        for _ in range(5):
            written = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest, _ = writer.communicate(timeout=60)
        written = int(rest.split()[-1]) if rest.split() else written
        ledger = open_ledger(path)
        assert len(ledger.entries) >= kept + written
        assert list(tmp_path.iterdir()) == [path]
        with path.open() as journal:
            fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)  # which nobody holds any longer
        ledger.add(Entry(RECORD))
        kept = len(open_ledger(path).entries)


@pytest.mark.parametrize(
    ("target", "held"),
    [
        ("sqlite:///run.db", "sqlite:///{here}/run.db"),
        ("sqlite:////data/run.db", "sqlite:////data/run.db"),
        ("sqlite:///run.db?timeout=9", "sqlite:///{here}/run.db?timeout=9"),
        ("sqlite://", "sqlite://"),
        ("postgresql+psycopg://me:secret@host/run", "postgresql+psycopg://me:secret@host/run"),
        ("run.journal", "{here}/run.journal"),
        ("nonsense://", "nonsense://"),
    ],
)
def test_a_file_s_storage_holds_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, held: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute(target) == held.format(here=tmp_path)


def test_a_storage_is_shown_without_its_password() -> None:
    assert without_password("mysql://me:secret@host/run") == "mysql://me:***@host/run"
    assert without_password("sqlite:///run.db") == "sqlite:///run.db"
