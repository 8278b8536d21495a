"""The least violation that changes of single choices can reach."""

from __future__ import annotations

from tightfit import IntArray, SearchSpace
from tightfit.search.cost_tables import changed
from tightfit.search.screening import Screen


def least_violating(
    space: SearchSpace, screen: Screen, start: IntArray, *, columns: IntArray
) -> tuple[IntArray, float]:
    """Descend from ``start`` ``[hparams]`` by the best change of one of ``columns`` at a time.

    Returns:
        Where no single change lessens the violation, or where there is none, ``[hparams]``, and the
        sum of its positive violations.
    """
    current, excess = start, float(screen.excess(start[None])[0])
    while excess > 0 and len(columns):
        steps = space.canonical(changed(space, current, columns))
        reached = screen.excess(steps)
        best = int(reached.argmin())
        if reached[best] >= excess:
            break
        current, excess = steps[best], float(reached[best])
    return current, excess
