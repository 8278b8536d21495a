"""What the floors ask of each other without knowing each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tightfit.candidate import Candidate
from tightfit.record import Record
from tightfit.space import FloatArray, IntArray


class CostModel(Protocol):
    """Answers what candidates cost before anything is built."""

    def __call__(self, batch: IntArray) -> Mapping[str, FloatArray]:
        """Return every static metric of a batch ``[n, hparams]`` by name, each ``[n]``."""
        ...


class Evaluator(Protocol):
    """Turns a candidate into a record; never raises for what is the candidate's own fault."""

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Evaluate one candidate.

        Args:
            candidate: Canonical candidate of the study's space.
            origin: Who proposed it, kept in the record.
            number: The trial's number; seeds everything random.

        Raises:
            SpecError: Nothing can be evaluated as things stand, e.g. on a full disk; the search
                ends, and what was finished is kept.
        """
        ...
