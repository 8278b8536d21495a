"""When a search has come as far as it is expected to come.

What a proposal is expected to add to the front's hypervolume is asked of one model, that of the
grey box, whatever sampler made the proposal: samplers that have no model of their own stop by the
same rule. The figure is kept with the proposal's record, so that an interrupted search stops where
an uninterrupted one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from tightfit import Constraint, FloatArray, Objective
from tightfit.search.grey_box import GreyBox
from tightfit.search.history import History
from tightfit.search.ledger import Entry
from tightfit.search.observations import observations_of
from tightfit.search.region import Region, Row

LITTLE = 0.001
"""Of the front's hypervolume: a proposal that is expected to add less is not promising."""


class ExpectedGain:
    """What proposals are expected to add to the front.

    Args:
        region: The candidates that keep the static limits.
        objectives: Of the study.
        constraints: Of the study.
        damage: As for :class:`tightfit.search.grey_box.GreyBox`.
        corner: The same.
    """

    def __init__(
        self,
        region: Region,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        damage: Sequence[FloatArray] | None,
        corner: Sequence[float] | None,
    ) -> None:
        self._space = region.space
        self._model = GreyBox(region, objectives, constraints, damage=damage, corner=corner)

    def __call__(self, row: Row, history: History) -> float | None:
        """Return the expected gain of a proposal as a share of the front's hypervolume.

        ``None`` before enough was read, and while there is no front.
        """
        return self._model.gain(row, observations_of(history, self._space, self._model.metrics))


def unpromising_in_a_row(entries: Sequence[Entry]) -> int:
    """Return how many of the last proposals were expected to add less than ``LITTLE``."""
    gains = (entry.gain for entry in reversed(entries))
    return sum(1 for _ in takewhile(lambda gain: gain is not None and gain < LITTLE, gains))
