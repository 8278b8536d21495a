"""What stands beside a search."""

from __future__ import annotations

from tightfit import Candidate
from tightfit.search import ReferenceCandidate
from tightfit.studies.references import each_once


def test_a_candidate_that_two_ways_lead_to_stands_there_once() -> None:
    pruned, coded = Candidate((2, 0)), Candidate((0, 1))
    found = [
        ReferenceCandidate("uniform: pruning 0.75", pruned, 0.0),
        ReferenceCandidate("pruning alone", pruned, 0.0),
        ReferenceCandidate("quantization alone", coded, 0.3),
    ]
    assert each_once(found) == [
        ("uniform: pruning 0.75 = pruning alone", pruned),
        ("quantization alone", coded),
    ]
