"""What a space and its static limits leave, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tightfit import Candidate, Constraint, CostModel, SearchSpace
from tightfit.search.descent import least_violating
from tightfit.search.region import PROBES, Region
from tightfit.search.screening import Screen


@dataclass(frozen=True, slots=True)
class Survey:
    """Figures of a space.

    Attributes:
        size: Combinations of choices, inactive ones counted apart.
        share: Of uniformly drawn candidates, how many keep every static limit.
        broken: By static constraint, as text, the share of them that breaks it.
        allowed: A candidate that keeps them all; ``None`` when none was found.
        nearest: The candidate found that breaks the limits least; ``allowed`` if there is one.
        excess: The sum of its violations, each as a share of its bound; 0 if there is one.
    """

    size: int
    share: float
    broken: Mapping[str, float]
    allowed: Candidate | None
    nearest: Candidate
    excess: float


def survey(
    space: SearchSpace,
    costs: CostModel,
    constraints: Sequence[Constraint],
    *,
    static_errors: Mapping[str, float] | None = None,
) -> Survey:
    """Look at a space: the same space, costs and limits give the same figures.

    Raises:
        SpecError: An error that is not finite, or for a metric that is not static.
    """
    screen = Screen(space, costs, constraints, errors=static_errors or {})
    region = Region.survey(space, screen)
    rng = np.random.default_rng(0)
    uniform = space.random(PROBES, rng)
    broken = (screen.violations(uniform) > 0).mean(axis=0)
    row = region.draw(rng, frozenset())
    if row is not None:
        near, excess = np.array(row, dtype=np.int64), 0.0
    else:
        drawn = np.concatenate([uniform, region.tilted(PROBES, rng)])
        start = drawn[screen.excess(drawn).argmin()]
        near, excess = least_violating(space, screen, start, columns=region.costly)
    return Survey(
        size=space.size,
        share=region.share,
        broken={
            str(constraint): float(share)
            for constraint, share in zip(screen.constraints, broken, strict=True)
        },
        allowed=None if row is None else Candidate(row),
        nearest=space.candidate(near),
        excess=excess,
    )
