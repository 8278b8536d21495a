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
    """Proposes by its ``model``, a :class:`tightfit.search.grey_box.GreyBox`."""

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
        self.model = GreyBox(region, objectives, constraints, damage=damage, corner=corner)

    def _propose(self, history: History, rng: np.random.Generator) -> Proposal | None:
        observations = observations_of(history, self.region.space, self.model.metrics)
        row = self.model.propose(observations, rng)
        return self._drawn(history, rng) if row is None else Proposal(row, self.name)
