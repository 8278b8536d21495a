"""What the floors ask of each other without knowing each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from tightfit.candidate import Candidate
from tightfit.record import Record
from tightfit.rung import Rung
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


GoOn: TypeAlias = Callable[[Rung], bool]
"""Asked in the middle of a training whether it goes on."""


class RungEvaluator(Evaluator, Protocol):
    """An evaluator whose trainings can end in their middle."""

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        """Evaluate one candidate as :meth:`evaluate` does, and ask at every rung.

        A training that goes on is the one that would have been without rungs.

        Args:
            candidate: As for :meth:`evaluate`.
            origin: The same.
            number: The same.
            go_on: Where it says no the record is a stopped one, with the rungs that were reached.

        Raises:
            SpecError: As for :meth:`evaluate`.
        """
        ...


class InheritingEvaluator(RungEvaluator, Protocol):
    """An evaluator whose trainings can begin with the weights of a candidate before."""

    def starting_from(self, donors: Sequence[Candidate]) -> RungEvaluator:
        """Return the same evaluator for candidates that may inherit.

        A training begins with the donor's weights where these have the lower loss on training
        inputs; the record tells both losses (``start``).

        Args:
            donors: Evaluated candidates, nearest first. The first one whose weights are still there
                is the donor.
        """
        ...
