"""The samplers, by the name that a study gives."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tightfit import Objective, SpecError
from tightfit.search.region import Region
from tightfit.search.samplers.auto import AutoSampler
from tightfit.search.samplers.base import Proposal, Sampler
from tightfit.search.samplers.gp import GaussianProcessSampler
from tightfit.search.samplers.optunas import Nsga2Sampler, TpeSampler
from tightfit.search.samplers.simple import QuasiRandomSampler, RandomSampler

SAMPLER_NAMES = ("auto", "tpe", "gp", "nsga2", "qmc", "random")

__all__ = ["SAMPLER_NAMES", "Proposal", "Sampler", "check_sampler", "make_sampler"]


def check_sampler(name: str) -> None:
    """Raise unless ``name`` is a sampler's.

    Raises:
        SpecError: It is not; the message gives the nearest name.
    """
    if name not in SAMPLER_NAMES:
        near = difflib.get_close_matches(name, SAMPLER_NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        known = ", ".join(SAMPLER_NAMES)
        raise SpecError(f"the sampler must be one of {known}, got {name!r}{hint}")


def make_sampler(
    name: str, region: Region, *, objectives: Sequence[Objective], open_constraints: int, seed: int
) -> Sampler:
    """Return the sampler that a study names.

    Args:
        name: One of ``SAMPLER_NAMES``.
        region: The candidates it may propose.
        objectives: Of the study.
        open_constraints: How many constraints the static screen does not decide.
        seed: Of the study; for the one sampler that is a single sequence.

    Raises:
        SpecError: No sampler has that name.
    """
    check_sampler(name)
    gp = GaussianProcessSampler(region, tuple(objectives))
    tpe = TpeSampler(region)
    samplers: tuple[Sampler, ...] = (
        AutoSampler(gp, tpe, models=len(objectives) + open_constraints),
        tpe,
        gp,
        Nsga2Sampler(region),
        QuasiRandomSampler(region, seed),
        RandomSampler(region),
    )
    return next(sampler for sampler in samplers if sampler.name == name)
