"""The sampler that is taken when a study names none."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tightfit import Outcome
from tightfit.search.history import History
from tightfit.search.samplers.base import Proposal, Sampler
from tightfit.search.samplers.gp import GaussianProcessSampler
from tightfit.search.samplers.optunas import TpeSampler

BUDGET = 0.015
"""Share of the trials' own time that Gaussian processes may take, of the 2 % for everything."""


class AutoSampler(Sampler):
    """Gaussian processes as often as their time is small beside the trials', TPE otherwise.

    Within 200 trials Gaussian processes are far ahead of TPE and NSGA-II, but a proposal takes from
    0.2 s at 20 trials to seconds at 300. What they have taken so far is computed from the numbers
    of trials, hparams and models (:func:`gp_seconds`), and they are taken when that, with the next
    proposal, stays below ``BUDGET`` of the seconds that the records say their evaluation took: for
    every trial where trials are long, for every few where they are short. TPE makes the others, at
    some hundredths of a second a proposal.

    The choice follows from the records alone, and from no clock.
    """

    name: ClassVar[str] = "auto"
    startup: ClassVar[int] = GaussianProcessSampler.startup

    def __init__(self, gp: GaussianProcessSampler, tpe: TpeSampler, *, models: int) -> None:
        super().__init__(gp.region)
        self._gp = gp
        self._tpe = tpe
        self._models = models

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        return (self._gp if self._gp_fits(history) else self._tpe).propose(history, rng)

    def _gp_fits(self, history: History) -> bool:
        hparams, learned = len(history.distributions), 0
        spent, worked = 0.0, 0.0
        for entry in history.entries:
            record = entry.record
            if record.origin == self._gp.name:
                spent += gp_seconds(learned, hparams=hparams, models=self._models)
            learned += record.outcome is not Outcome.FAILED
            worked += sum(record.seconds.values())
        next_one = gp_seconds(learned, hparams=hparams, models=self._models)
        return spent + next_one <= BUDGET * worked


def gp_seconds(learned: int, *, hparams: int, models: int) -> float:
    """Return about how long a proposal by Gaussian processes takes, in seconds.

    Fitted to one slow core (5 models, 20 and 50 hparams, 10 to 300 trials) and raised by half.

    Args:
        learned: Candidates to learn from, evaluated or screened out.
        hparams: With more than one choice.
        models: Objectives and open constraints together.
    """
    return 1.5 * models * (0.05 + 1e-5 * learned**2) * (0.5 + hparams / 100)
