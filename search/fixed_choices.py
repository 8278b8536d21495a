"""What is left to choose where some choices of a candidate were made by somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import cached_property

import numpy as np

from tightfit import CostModel, FloatArray, Hparam, IntArray, SearchSpace
from tightfit.search.region import Region, Row, as_row
from tightfit.search.screening import Screen


class FixedChoices:
    """The part of a space that has some choices, as a space of its own.

    There each fixed hparam has one choice, so that whatever finds candidates of a region finds
    those that agree. What is fixed is left aside where a condition makes it inactive.

    Args:
        space: Of whole candidates.
        fixed: By column, the index of the choice.
    """

    def __init__(self, space: SearchSpace, fixed: Mapping[int, int]) -> None:
        self._whole = space
        self._columns = np.array(sorted(fixed), dtype=np.int64)
        self._choices = np.array([fixed[each] for each in sorted(fixed)], dtype=np.int64)
        self._fixed = dict(fixed)

    @cached_property
    def space(self) -> SearchSpace:
        """The part."""
        return _part(self._whole, self._fixed)

    def wholes(self, batch: IntArray) -> IntArray:
        """Return candidates ``[n, hparams]``, of the part or not, with the fixed choices."""
        whole = batch.copy()
        whole[:, self._columns] = self._choices
        return self._whole.canonical(whole)

    def parts(self, batch: IntArray) -> IntArray:
        """Return for candidates ``[n, hparams]`` those of the part that share their free choices.

        Of one that agrees this is the candidate itself.
        """
        part = batch.copy()
        part[:, self._columns] = 0
        return self.space.canonical(part)

    def agrees(self, row: Row) -> bool:
        """Whether a candidate has the choices."""
        batch = np.array([row], dtype=np.int64)
        return bool((self.wholes(batch) == batch).all())

    def among(self, rows: AbstractSet[Row]) -> frozenset[Row]:
        """Return those of some candidates that agree, as candidates of the part."""
        if not rows:
            return frozenset()
        batch = np.array(sorted(rows), dtype=np.int64)
        agreeing = (self.wholes(batch) == batch).all(axis=1)
        return frozenset(map(as_row, self.parts(batch[agreeing])))

    def region(self, screen: Screen) -> Region:
        """Return where the static limits are kept."""
        costs = self._costs(screen.costs)
        part = Screen(self.space, costs, screen.constraints, errors=screen.errors)
        return Region.survey(self.space, part)

    def _costs(self, costs: CostModel) -> CostModel:
        def of_part(batch: IntArray) -> Mapping[str, FloatArray]:
            return costs(self.wholes(batch))

        return of_part


def _part(space: SearchSpace, fixed: Mapping[int, int]) -> SearchSpace:
    hparams = []
    for column, hparam in enumerate(space.hparams):
        choices = hparam.choices
        if column in fixed:
            choices = (choices[fixed[column]],)
        condition = hparam.active_if
        if condition is not None and space.column(condition[0]) in fixed:
            name, indices = condition
            condition = name, (0,) if fixed[space.column(name)] in indices else ()
        hparams.append(Hparam(hparam.name, choices, condition))
    return SearchSpace(tuple(hparams))
