"""The grey box as one of the engine's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from tightfit import Constraint, FloatArray, Objective, Outcome
from tightfit.search.grey_box import GreyBox
from tightfit.search.history import History
from tightfit.search.observations import Observations
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
        row = self._grey_box.propose(self._observations(history), rng)
        return None if row is None else Proposal(row, self.name)

    def _observations(self, history: History) -> Observations:
        known = [each for each in history.seen.values() if each.outcome is not Outcome.FAILED]
        space = self.region.space
        return Observations(
            rows=space.batch([record.candidate for record in known]),
            values={
                metric: np.array(
                    [
                        record.measurement.value(metric) if metric in record.measurement else np.nan
                        for record in known
                    ]
                )
                for metric in self._grey_box.metrics
            },
            pending=space.batch([]),
            seen=history.seen.keys(),
        )
