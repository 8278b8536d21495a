from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tightfit import SpecError
from tightfit.studies.dashboard.snapshot import Snapshot
from tightfit.studies.results import Results


def test_the_revision_grows_only_when_the_run_has_gone_on(
    unfinished: Callable[[int], Results],
) -> None:
    trials = iter([10, 10, 12])
    snapshot = Snapshot(lambda: unfinished(next(trials)), rest=0)

    assert snapshot.refresh() == 0
    assert snapshot.refresh() == 1
    assert len(snapshot.results.records) == 12


def test_a_run_that_cannot_be_read_for_a_moment_keeps_its_last_results(results: Results) -> None:
    answers: list[Results | Exception] = [results, SpecError("the storage is locked"), results]

    def load() -> Results:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    snapshot = Snapshot(load, rest=0)

    assert snapshot.refresh() == 0
    assert snapshot.results is results
    assert snapshot.problem == "the storage is locked"
    snapshot.refresh()
    assert snapshot.problem == ""


def test_a_run_is_read_again_only_when_something_was_written(
    unfinished: Callable[[int], Results],
) -> None:
    trials, loads = 10, 0

    def load() -> Results:
        nonlocal loads
        loads += 1
        return unfinished(trials)

    snapshot = Snapshot(load, lambda: trials, rest=0)
    for _ in range(5):
        assert snapshot.refresh() == 0
    assert loads == 1
    trials = 12
    for _ in range(5):
        assert snapshot.refresh() == 1
    assert loads == 2


def test_what_is_written_while_a_run_is_read_is_read_the_next_time(
    unfinished: Callable[[int], Results],
) -> None:
    written = 10

    def load() -> Results:
        nonlocal written
        found = unfinished(written)
        written = 12
        return found

    snapshot = Snapshot(load, lambda: written, rest=0)
    assert len(snapshot.results.records) == 10
    snapshot.refresh()
    assert len(snapshot.results.records) == 12


def test_a_run_that_could_not_be_read_is_tried_again_though_nothing_was_written(
    results: Results,
) -> None:
    answers: list[Results | Exception] = [results, SpecError("locked"), results]

    def load() -> Results:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    stamps = iter([0, 1, 1, 1])
    snapshot = Snapshot(load, lambda: next(stamps), rest=0)
    snapshot.refresh()
    assert snapshot.problem == "locked"
    snapshot.refresh()
    assert snapshot.problem == ""


def test_reading_takes_a_tenth_of_the_time_at_most(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, loads = 100.0, 0

    def load() -> Results:
        nonlocal now, loads
        now += 2.0
        loads += 1
        return results

    monkeypatch.setattr(time, "monotonic", lambda: now)
    snapshot = Snapshot(load)
    for _ in range(60):
        now += 2.0
        snapshot.refresh()
    assert loads * 2.0 <= 0.1 * (now - 100.0) + 2.0


def test_a_run_that_cannot_be_read_at_first_is_an_error() -> None:
    def load() -> Results:
        raise SpecError("runs/x is not a run")

    with pytest.raises(SpecError, match="not a run"):
        Snapshot(load)
