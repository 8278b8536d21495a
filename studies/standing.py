"""Where every network of a run stands: on the front or behind it, and whose it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tightfit import Candidate, Outcome, Record, SpecError
from tightfit.search.front import Front, nearest_misses, pareto_front
from tightfit.search.samplers import SAMPLER_NAMES
from tightfit.studies.results import Results

KNEE = "knee"

TIGHTENED = "tightened"
"""Origin of what was trained for a tighter limit than the run's own."""


class Place(StrEnum):
    """What became of a network, in words for legends and tables."""

    MEMBER = "on the front"
    FEASIBLE = "keeps all limits"
    INFEASIBLE = "breaks a limit"
    SCREENED = "screened out"
    FAILED = "failed"
    STOPPED = "stopped early"


@dataclass(frozen=True, slots=True)
class Standing:
    """One network of a run.

    Attributes:
        record: Its outcome.
        place: What became of it.
        trial: Its number in the run; ``None`` for networks outside the space.
        key: Unique in the run, the same after every reload: the trial's number as text, or ``n0``,
            ``n1`` for networks outside the space.
        reference: Whether it was proposed by rule, and not found by a search.
        rank: On the front, 0 for the best by the first objective; ``None`` behind it.
        picks: Names that ``--pick`` knows it by: ``knee``, or objectives it is the best by.
    """

    record: Record
    place: Place
    trial: int | None
    key: str
    reference: bool
    rank: int | None = None
    picks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.record.origin if self.trial is None else f"trial {self.trial}"

    @property
    def member(self) -> bool:
        """Whether it is on the front."""
        return self.place is Place.MEMBER

    @property
    def evaluated(self) -> bool:
        """Whether all its stages were run."""
        return self.record.outcome is Outcome.EVALUATED


def standings(results: Results, *, without: Collection[Candidate] = ()) -> tuple[Standing, ...]:
    """Return every network of a run: trials in their order, then those outside the space.

    A candidate that a sampler proposed again is left out: it is the network of an earlier trial.

    Args:
        results: Of the run.
        without: Candidates that are not to be on the front, which is that of the others.
    """
    others = [each for each in results.records if each.candidate not in without]
    front = pareto_front(others, results.objectives)
    ranks = {id(record): rank for rank, record in enumerate(front.members)}
    picks = _picks(front)
    found: list[Standing] = []
    seen: set[tuple[int, ...]] = set()
    for trial, record in enumerate(results.records):
        sampled = record.origin in SAMPLER_NAMES
        if not sampled or record.candidate.indices not in seen:
            rank, names = ranks.get(id(record)), picks.get(id(record), ())
            place = _place(record) if rank is None else Place.MEMBER
            reference = not sampled and record.origin != TIGHTENED
            found.append(Standing(record, place, trial, str(trial), reference, rank, names))
        seen.add(record.candidate.indices)
    for position, record in enumerate(results.references):
        found.append(Standing(record, _place(record), None, f"n{position}", True))
    return tuple(found)


def members(all_of_them: Sequence[Standing]) -> tuple[Standing, ...]:
    """Return the front, best by the first objective first."""
    on_front = [(each.rank, each) for each in all_of_them if each.rank is not None]
    return tuple(each for _, each in sorted(on_front, key=lambda pair: pair[0]))


def misses(all_of_them: Sequence[Standing], k: int = 3) -> tuple[Standing, ...]:
    """Return the trials that come nearest to keeping all limits, nearest first.

    Those that were evaluated stand before the others: of a candidate that a limit stopped before
    its training nobody knows by how much it would have broken those that were not read.
    """
    by_record = {id(each.record): each for each in all_of_them}
    trials = [each.record for each in all_of_them if each.trial is not None]
    near = sorted(
        nearest_misses(trials, len(trials)),
        key=lambda record: record.outcome is not Outcome.EVALUATED,
    )
    return tuple(by_record[id(record)] for record in near[:k])


def chosen(all_of_them: Sequence[Standing], pick: str = KNEE) -> Standing | None:
    """Return the member that a pick names; ``None`` when the front is empty.

    Args:
        all_of_them: Of :func:`standings`.
        pick: ``knee``, an objective, or the number of a member's trial.

    Raises:
        SpecError: No member goes by that name.
    """
    on_front = members(all_of_them)
    for each in on_front:
        if pick in each.picks or pick == each.key:
            return each
    if not on_front:
        return None
    names = [*dict.fromkeys(name for each in on_front for name in each.picks)]
    trials = ", ".join(each.key for each in on_front)
    raise SpecError(
        f"the front has no member {pick!r}; pick one of {', '.join(names)}, or a trial: {trials}"
    )


def _picks(front: Front) -> dict[int, tuple[str, ...]]:
    if not front.members:
        return {}
    picks: dict[int, tuple[str, ...]] = {id(front.knee()): (KNEE,)}
    for objective in front.objectives:
        best = id(front.best(objective.metric))
        picks[best] = (*picks.get(best, ()), objective.metric)
    return picks


def _place(record: Record) -> Place:
    if record.outcome is Outcome.FAILED:
        return Place.FAILED
    if record.outcome is Outcome.SCREENED:
        return Place.SCREENED
    if record.outcome is Outcome.STOPPED:
        return Place.STOPPED
    return Place.FEASIBLE if record.feasible else Place.INFEASIBLE
