"""What was evaluated once is not evaluated again."""

from __future__ import annotations

from dataclasses import replace

from tests.search.builders import evaluated
from tightfit import Candidate, Outcome, Record
from tightfit.search import Memo


class Counting:
    """Evaluates, and counts how often; every second time it fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = 0
        self._fails = fails

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        self.asked += 1
        outcome = Outcome.FAILED if self._fails and self.asked == 1 else Outcome.EVALUATED
        record = evaluated(candidate.indices, origin=origin, size_kb=float(number))
        return replace(record, outcome=outcome, seconds={"train": 3.0})


def test_a_candidate_is_evaluated_once_and_costs_everyone_its_time() -> None:
    counting = Counting()
    memo = Memo(counting)
    first = memo.evaluate(Candidate((1,)), "tpe", 4)
    again = memo.evaluate(Candidate((1,)), "random", 9)
    assert counting.asked == 1
    assert again == replace(first, origin="random")
    assert again.trained
    assert again.seconds == {"train": 3.0}


def test_what_failed_is_tried_again() -> None:
    counting = Counting(fails=True)
    memo = Memo(counting)
    assert memo.evaluate(Candidate((1,)), "tpe", 0).outcome is Outcome.FAILED
    assert memo.evaluate(Candidate((1,)), "tpe", 1).outcome is Outcome.EVALUATED
    assert counting.asked == 2


def test_records_of_earlier_searches_are_known_but_not_copies_that_took_no_time() -> None:
    done = evaluated((1,), size_kb=1.0)
    copy = replace(done, trained=False, seconds={}, origin="uniform")
    counting = Counting()
    memo = Memo(counting, [copy, done])
    assert memo.evaluate(Candidate((1,)), "gp", 0) == replace(done, origin="gp")
    assert counting.asked == 0
