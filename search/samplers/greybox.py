"""The grey box as one of the engine's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tightfit import Constraint, FloatArray, Objective
from tightfit.search.grey_box import GreyBox
from tightfit.search.history import History
from tightfit.search.observations import observations_of
from tightfit.search.region import Region
from tightfit.search.samplers.base import Proposal, Sampler


class GreySampler(Sampler):
    """Proposes by :class:`tightfit.search.grey_box.GreyBox`."""

    name: ClassVar[str] = "greybox"

    def __init__(
        self,
        region: Region,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        damage: Sequence[FloatArray] | None,
        corner: Sequence[float] | None,
    ) -> None:
        super().__init__(region)
        self._grey_box = GreyBox(region, objectives, constraints, damage=damage, corner=corner)

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        observations = observations_of(history, self.region.space, self._grey_box.metrics)
        row = self._grey_box.propose(observations, rng)
        return None if row is None else Proposal(row, self.name)
