"""When a search has come as far as it is expected to come.

What can be expected is asked of one model, that of the grey box, whatever sampler proposes: it is
the gain in the front's hypervolume of the proposal or, where another sampler made it, of what the
grey box would propose instead, if that is more. So a search does not end because its sampler makes
poor proposals. The figure is kept with the proposal's record: an interrupted search stops where an
uninterrupted one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import numpy as np

from tightfit import SearchSpace
from tightfit.search.grey_box import GreyBox
from tightfit.search.history import History
from tightfit.search.ledger import Entry
from tightfit.search.observations import observations_of
from tightfit.search.samplers.base import Proposal
from tightfit.search.samplers.greybox import GreySampler

LITTLE = 0.001
"""Of the front's hypervolume: less is not worth a training."""


class ExpectedGain:
    """What the next training is expected to add to the front, at best.

    Args:
        space: Of the candidates.
        model: Of the study: the sampler's own, where it has one.
    """

    def __init__(self, space: SearchSpace, model: GreyBox) -> None:
        self._space = space
        self._model = model

    def __call__(self, proposal: Proposal, history: History) -> float | None:
        """Return the expected gain as a share of the front's hypervolume.

        ``None`` before enough was read, and while there is no front.
        """
        observations = observations_of(history, self._space, self._model.metrics)
        gain = self._model.gain(proposal.row, observations)
        if gain is None or gain >= LITTLE or proposal.origin == GreySampler.name:
            return gain
        rng = np.random.default_rng(len(history.entries))
        best = self._model.propose(observations, rng)
        other = None if best is None else self._model.gain(best, observations)
        return gain if other is None else max(gain, other)


def unpromising_in_a_row(entries: Sequence[Entry]) -> int:
    """Return before how many of the last trainings less than ``LITTLE`` was to be expected.

    What a limit refused, or what failed before its training, neither counts nor ends the row.
    """
    gains = (entry.gain for entry in reversed(entries) if entry.record.trained)
    return sum(1 for _ in takewhile(lambda gain: gain is not None and gain < LITTLE, gains))
