"""What a run's folder tells of a run without being read."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.studies.conftest import begin_run, plan_of
from tightfit import SpecError
from tightfit.search.binding import Gain
from tightfit.search.ledger import Entry
from tightfit.studies.gains import keep_gains
from tightfit.studies.results import Results
from tightfit.studies.run_folder import DATABASE_SECONDS, RunFolder


def test_the_stamp_changes_with_what_is_written_and_not_with_what_is_read(
    results: Results, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    ledger = begin_run(folder, results)
    stamps = [folder.stamp()]
    for record in results.records[:3]:
        ledger.add(Entry(record))
        stamps.append(folder.stamp())
    keep_gains(folder.binding, [Gain(results.constraints[0], 0.1, 0.0, 0.2)])
    stamps.append(folder.stamp())
    assert len(set(stamps)) == len(stamps)
    assert len(folder.results().records) == 3
    assert folder.stamp() == stamps[-1]


def test_a_database_is_asked_every_ten_seconds(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 20.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    plan_of(results, storage="sqlite:///run.db").write(tmp_path / "plan.json")
    # A journal that an earlier part of the run left says nothing.
    (tmp_path / "journal.log").touch()
    first = RunFolder(tmp_path).stamp()
    now += 0.9 * DATABASE_SECONDS
    assert RunFolder(tmp_path).stamp() == first
    now += 0.2 * DATABASE_SECONDS
    assert RunFolder(tmp_path).stamp() != first


def test_a_folder_without_a_run_has_no_stamp(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"is not a run: it has no plan\.json"):
        RunFolder(tmp_path).stamp()


def test_a_run_is_read_where_nothing_can_be_written(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    begin_run(folder, results).add(Entry(results.records[0]))
    opened = Path.open

    def read_only(path: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if set(mode) & set("awx+"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", read_only)
    assert folder.results().records == results.records[:1]


def test_a_database_that_is_gone_is_named_and_none_is_made(
    results: Results, tmp_path: Path
) -> None:
    plan_of(results, storage=f"sqlite:///{tmp_path}/run.db").write(tmp_path / "plan.json")
    with pytest.raises(SpecError, match=r"run\.db with the run's records is not there; put it"):
        RunFolder(tmp_path).results()
    assert not (tmp_path / "run.db").exists()
