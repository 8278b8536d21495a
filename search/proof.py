"""Why no candidate can keep the static limits: what the space can reach, and what conflicts.

Only about costs that are counted or computed before anything is built. Nothing here says anything
about quality, or about what must be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import Candidate, Constraint
from tightfit.search.minimization import Minimizer, Minimum


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the space can go on one limit.

    Attributes:
        limit: On a static metric.
        allowed: The static value at which the limit counts as broken only beyond: its bound, and
            the stated error of the prediction where the metric is one.
        alone: The best value of the metric with no other limit.
        others: The best value under all the other limits; not possible where these conflict, too.
    """

    limit: Constraint
    allowed: float
    alone: Minimum
    others: Minimum


@dataclass(frozen=True, slots=True)
class Proof:
    """That no candidate of a space keeps some static limits.

    Attributes:
        limits: All of the study that are static.
        reach: Of each of them.
        conflict: A smallest set of them that no candidate keeps: without any one of its members
            some candidate keeps the rest (an irreducible infeasible subset; Chinneck and Dravnieks,
            "Locating minimal infeasible constraint sets in linear programs", 1991: the deletion
            filter).
        together: By which share every bound would have to give way at once, and a candidate then.
    """

    limits: tuple[Constraint, ...]
    reach: tuple[Reach, ...]
    conflict: tuple[Constraint, ...]
    together: Minimum


@dataclass(frozen=True, slots=True)
class StaticVerdict:
    """Whether the static limits can be kept at all.

    Attributes:
        allowed: A candidate that keeps them; ``None`` where none was found.
        proof: That there is none; ``None`` where there is one, or nothing is proven.
        why: What kept it from being settled; empty where it is.
    """

    allowed: Candidate | None = None
    proof: Proof | None = None
    why: str = ""


def judge_limits(minimizer: Minimizer, limits: Sequence[Constraint]) -> StaticVerdict:
    """Find a candidate that keeps static limits, or prove that there is none."""
    if not limits:
        return StaticVerdict(allowed=minimizer.space.baseline())
    first = limits[0]
    found = minimizer.least(first.metric, limits, sense=first.sense)
    if found.candidate is not None:
        return StaticVerdict(allowed=found.candidate)
    if not found.proven:
        return StaticVerdict(why=found.why)
    reach = tuple(_reach(minimizer, limit, limits) for limit in limits)
    conflict = _irreducible(minimizer, limits)
    together = minimizer.relaxation(limits)
    parts = [*(each.alone for each in reach), *(each.others for each in reach), together]
    why = next((each.why for each in parts if not each.proven), "")
    if conflict is None or why:
        return StaticVerdict(why=why or "the conflict between limits could not be narrowed")
    return StaticVerdict(proof=Proof(tuple(limits), reach, conflict, together))


def _reach(minimizer: Minimizer, limit: Constraint, limits: Sequence[Constraint]) -> Reach:
    others = [each for each in limits if each is not limit]
    return Reach(
        limit,
        minimizer.allowed(limit),
        alone=minimizer.least(limit.metric, [], sense=limit.sense),
        others=minimizer.least(limit.metric, others, sense=limit.sense),
    )


def _irreducible(
    minimizer: Minimizer, limits: Sequence[Constraint]
) -> tuple[Constraint, ...] | None:
    """Return a smallest set of limits that conflict; ``None`` where a step is not proven."""
    kept = list(limits)
    for limit in limits:
        rest = [each for each in kept if each is not limit]
        if not rest:
            continue  # One limit alone conflicts with the space.
        found = minimizer.least(rest[0].metric, rest, sense=rest[0].sense)
        if not found.proven:
            return None
        if found.impossible:
            kept = rest
    return tuple(kept)
