"""After how many trainings of little worth a search ends."""

from __future__ import annotations

from tests.search.builders import evaluated, failed, screened
from tightfit.search.ledger import Entry
from tightfit.search.patience import LITTLE, unpromising_in_a_row
from tightfit.search.progress import Stopped
from tightfit.search.stopping import Stopping

LESS = LITTLE / 2


def trained(indices: tuple[int, ...], gain: float | None) -> Entry:
    return Entry(evaluated(indices, accuracy=0.9, size_kb=50.0), gain=gain)


def test_only_trainings_of_little_worth_in_a_row_count() -> None:
    entries = [trained((0,), LESS), trained((1,), LITTLE), trained((2,), LESS), trained((3,), LESS)]
    assert unpromising_in_a_row(entries) == 2
    assert unpromising_in_a_row([*entries, trained((4,), None)]) == 0


def test_what_was_not_trained_neither_counts_nor_ends_the_row() -> None:
    entries = [
        trained((0,), LESS),
        *(Entry(screened((1 + i,), size_kb=200.0), gain=LESS) for i in range(10)),
        Entry(failed((20,)), gain=LESS),
        Entry(screened((21,), size_kb=200.0), gain=1.0),
        trained((22,), LESS),
        Entry(failed((23,))),
    ]
    assert unpromising_in_a_row(entries) == 2


def test_refusals_end_no_search_by_patience() -> None:
    stopping = Stopping(trials=100, patience=3)
    refused = [Entry(screened((i,), size_kb=200.0), gain=LESS) for i in range(20)]
    assert stopping.reached(refused, trained=0, seconds=0.0) is None
    entries = [*refused, *(trained((30 + i,), LESS) for i in range(3))]
    ended = stopping.reached(entries, trained=3, seconds=0.0)
    assert ended is not None
    assert ended[0] is Stopped.PATIENCE
