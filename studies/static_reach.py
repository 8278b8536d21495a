"""Whether some candidate keeps the static limits: looked for at random, then settled exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tightfit import Constraint
from tightfit.search.minimization import Minimizer
from tightfit.search.survey import Survey, survey
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.costs import StaticCosts
from tightfit.studies.prediction_error import static_allowance, static_errors


@dataclass(frozen=True, slots=True)
class StaticReach:
    """What is known of static limits before anything is built.

    Attributes:
        survey: Of the space under them. A candidate that keeps them may be the minimization's.
        possible: Whether a candidate keeps them; ``None`` where none was found, which is no proof.
        why: What kept it from being settled; empty where it is.
    """

    survey: Survey
    possible: bool | None
    why: str = ""


def static_reach(
    space: CompressionSpace, costs: StaticCosts, limits: Sequence[Constraint]
) -> StaticReach:
    """Look for a candidate that keeps one or more static limits, or prove that there is none.

    Among many candidates first, which is quick and may miss one; then by exact minimization.
    """
    found = survey(space.search_space, costs, limits, static_errors=static_errors(tuple(limits)))
    if found.allowed is not None:
        return StaticReach(found, True)
    minimizer = Minimizer(
        space.search_space,
        costs,
        costs.structures({limit.metric for limit in limits}),
        allowed=static_allowance,
    )
    least = minimizer.least(limits[0].metric, limits, sense=limits[0].sense)
    if least.candidate is not None:
        keeping = replace(found, allowed=least.candidate, nearest=least.candidate, excess=0.0)
        return StaticReach(keeping, True)
    return StaticReach(found, False if least.impossible else None, least.why)
