"""The rest of a candidate of which some choices are fixed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import numpy as np

from tightfit import FloatArray, IntArray
from tightfit.search.fixed_choices import FixedChoices
from tightfit.search.local_search import LocalSearch
from tightfit.search.observations import Observations
from tightfit.search.region import BATCH, Region, Row, as_row

_DRAWN, _CHANGED = 256, 256


def completed(
    fixed: FixedChoices,
    region: Region,
    observations: Observations,
    *,
    worth: Callable[[IntArray], FloatArray] | None,
    rng: np.random.Generator,
) -> Row:
    """Return a candidate that has the fixed choices.

    An unseen one that keeps the static limits, and of those that were found the one that is worth
    most; where there is none, one that was seen; where none keeps the limits, the one that breaks
    them least of some random ones.

    Args:
        fixed: The choices.
        region: The part of the space that has them, where the limits are kept.
        observations: Of candidates of the whole space.
        worth: Of whole candidates ``[n, hparams]``, ``[n]``; ``None`` before that can be told.
        rng: Draws.
    """
    if region.space.size == 1:
        return as_row(fixed.wholes(region.space.batch([region.space.baseline()]))[0])
    seen = fixed.among(observations.seen)
    found = None if worth is None else _best(fixed, region, observations, worth, rng)
    for known in (seen, frozenset[Row]()):
        found = found if found is not None else region.draw(rng, known)
    if found is None:
        found = _least_excess(region, seen, rng)
    return as_row(fixed.wholes(np.array([found], dtype=np.int64))[0])


def _least_excess(region: Region, seen: AbstractSet[Row], rng: np.random.Generator) -> Row:
    """Return the random candidate that breaks the limits least, an unseen one if there is any."""
    drawn = region.space.random(BATCH, rng)
    known = np.array([row in seen for row in map(as_row, drawn)])
    return as_row(drawn[np.lexsort([region.screen.excess(drawn), known])[0]])


def _best(
    fixed: FixedChoices,
    region: Region,
    observations: Observations,
    worth: Callable[[IntArray], FloatArray],
    rng: np.random.Generator,
) -> Row | None:
    """Return the unseen candidate of the part that is worth most of those that were found."""
    near, seen = LocalSearch(region), fixed.among(observations.seen)
    parents = fixed.parts(observations.rows)
    pool = np.concatenate([region.draws(_DRAWN, rng), near.changes(parents, _CHANGED, rng)])
    pool = near.allowed(pool, seen)
    if not len(pool):
        return None
    return as_row(near.climb(lambda batch: worth(fixed.wholes(batch)), pool, seen, rng))
