"""The samplers, by the name that a study gives."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from tightfit import Constraint, FloatArray, Objective, SpecError
from tightfit.search.region import Region
from tightfit.search.samplers.base import Proposal, Sampler
from tightfit.search.samplers.gp import GaussianProcessSampler
from tightfit.search.samplers.greybox import GreySampler
from tightfit.search.samplers.optunas import Nsga2Sampler, Nsga3Sampler, TpeSampler
from tightfit.search.samplers.simple import QuasiRandomSampler, RandomSampler

SAMPLER_NAMES = ("auto", "greybox", "tpe", "gp", "nsga2", "nsga3", "qmc", "random")

__all__ = ["SAMPLER_NAMES", "Proposal", "Sampler", "check_sampler", "make_sampler", "meant"]


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


def meant(name: str) -> str:
    """Return the name of the sampler that a study's name means: ``auto`` is the grey box."""
    return GreySampler.name if name == "auto" else name


def make_sampler(
    name: str,
    region: Region,
    *,
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint],
    damage: Sequence[FloatArray] | None,
    corner: Sequence[float] | None,
    seed: int,
) -> Sampler:
    """Return the sampler that a study names; ``auto`` is the grey box.

    Args:
        name: One of ``SAMPLER_NAMES``.
        region: The candidates it may propose.
        objectives: Of the study.
        constraints: Of the study.
        damage: By hparam what its choices are believed to damage, ``[choices]``, or empty; none
            where nothing was measured. For the one sampler that takes beliefs.
        corner: The objective values from which on a front is of worth, where that is known; for
            the same sampler.
        seed: Of the study; for the one sampler that is a single sequence.

    Raises:
        SpecError: No sampler has that name.
    """
    check_sampler(name)
    if meant(name) == GreySampler.name:
        return GreySampler(region, objectives, constraints, damage=damage, corner=corner)
    samplers: tuple[Sampler, ...] = (
        TpeSampler(region),
        GaussianProcessSampler(region, tuple(objectives)),
        Nsga2Sampler(region),
        Nsga3Sampler(region),
        QuasiRandomSampler(region, seed),
        RandomSampler(region),
    )
    return next(sampler for sampler in samplers if sampler.name == name)
