from __future__ import annotations

from collections.abc import Callable

import pytest

from tightfit import SpecError
from tightfit.studies.dashboard.snapshot import Snapshot
from tightfit.studies.results import Results


def test_the_revision_grows_only_when_the_run_has_gone_on(
    unfinished: Callable[[int], Results],
) -> None:
    trials = iter([10, 10, 12])
    snapshot = Snapshot(lambda: unfinished(next(trials)))

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

    snapshot = Snapshot(load)

    assert snapshot.refresh() == 0
    assert snapshot.results is results
    assert snapshot.problem == "the storage is locked"
    snapshot.refresh()
    assert snapshot.problem == ""


def test_a_run_that_cannot_be_read_at_first_is_an_error() -> None:
    def load() -> Results:
        raise SpecError("runs/x is not a run")

    with pytest.raises(SpecError, match="not a run"):
        Snapshot(load)
