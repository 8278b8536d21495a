"""The least violation that changes of single choices can reach."""

from __future__ import annotations

import numpy as np

from tightfit import IntArray, SearchSpace
from tightfit.search.screening import Screen


def least_violating(
    space: SearchSpace, screen: Screen, start: IntArray, *, columns: IntArray
) -> tuple[IntArray, float]:
    """Descend from ``start`` ``[hparams]`` by the best change of one of ``columns`` at a time.

    Returns:
        Where no single change lessens the violation, or where there is none, ``[hparams]``, and the
        sum of its positive violations.
    """
    counts = space.choice_counts[columns]
    where = np.repeat(columns, counts)
    choices = np.concatenate([np.arange(count) for count in counts] or [columns])
    current, excess = start, float(screen.excess(start[None])[0])
    while excess > 0 and len(where):
        changed = np.repeat(current[None], len(where), axis=0)
        changed[np.arange(len(where)), where] = choices
        changed = space.canonical(changed)
        reached = screen.excess(changed)
        best = int(reached.argmin())
        if reached[best] >= excess:
            break
        current, excess = changed[best], float(reached[best])
    return current, excess
