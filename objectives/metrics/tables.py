"""Static metrics by table look-ups: for searches that ask what hundreds of thousands cost.

The parts of every quantity (:mod:`tightfit.objectives.metrics.quantity`) are computed once for all
choices of the few hparams that each depends on, by the same code that computes them for a batch.
Parts whose hparams overlap share a table. A batch is then an index and a gather for each table, and
gives exactly the numbers of :func:`tightfit.objectives.metrics.compute_static`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.choice_array import (
    ChoiceArray,
    Variable,
    every_candidate,
    joint_choices,
    union,
)
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import StaticMetric
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray, IntArray, SearchSpace

MERGED = 4096
"""Joint choices up to which parts that depend on different hparams share a table."""

BLOCK = 4096
"""Candidates that are looked up together: their indices stay in the fast caches."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Parts of some quantities, joined.

    Attributes:
        variables: What they depend on.
        columns: Numbers of the quantities.
        rows: ``[joint choices, quantities]``.
    """

    variables: tuple[Variable, ...]
    columns: slice | list[int]
    rows: FloatArray


class CostTables:
    """Every static metric of a space's candidates.

    Args:
        blueprint: From a batch ``[n, hparams]`` to its shapes.
        space: Of the candidates.
        profile: Of the device.
        metrics: Those that are asked for.

    Attributes:
        dependencies: The hparams' columns that each part depends on.

    Raises:
        TooManyChoicesError: A part depends on more joint choices than a table can hold.
    """

    def __init__(
        self,
        blueprint: Callable[[IntArray], Blueprint],
        space: SearchSpace,
        profile: DeviceProfile,
        *,
        metrics: Sequence[StaticMetric],
    ) -> None:
        self._profile = profile
        self._metrics = metrics
        everything = blueprint(every_candidate(space))
        parts = {
            quantity: _parts(quantity, everything, profile)
            for quantity in dict.fromkeys(each for static in metrics for each in static.quantities)
        }
        self._sums = tuple(quantity for quantity in parts if not quantity.largest)
        self._largest = tuple(quantity for quantity in parts if quantity.largest)
        self.dependencies = frozenset(part.columns for found in parts.values() for part in found)
        self._tables = _tables({each: parts[each] for each in self._sums}, np.add)
        self._peaks = {each: _tables({each: parts[each]}, np.maximum) for each in self._largest}
        self._variables = _in_order((*self._tables, *(t for p in self._peaks.values() for t in p)))

    def __call__(self, batch: IntArray) -> dict[str, FloatArray]:
        """Return every static metric of a batch ``[n, hparams]`` by name, each ``[n]``."""
        totals = {quantity: np.zeros(len(batch)) for quantity in (*self._sums, *self._largest)}
        for start in range(0, len(batch), BLOCK):
            self._look_up(batch[start : start + BLOCK], totals, slice(start, start + BLOCK))
        return {
            static.metric.name: static.formula(totals, self._profile) for static in self._metrics
        }

    @property
    def bytes(self) -> int:
        """Memory that the tables take."""
        tables = (*self._tables, *(table for peak in self._peaks.values() for table in peak))
        return sum(table.rows.nbytes for table in tables)

    def _look_up(self, batch: IntArray, totals: dict[Quantity, FloatArray], at: slice) -> None:
        states: dict[Variable, IntArray] = {}
        for variable in self._variables:
            source = variable.source
            if isinstance(source, int):
                states[variable] = np.ascontiguousarray(batch[:, source])
            else:
                states[variable] = source.values.take(_index(source.variables, states, len(batch)))
        sums = np.zeros((len(batch), len(self._sums)))
        for table in self._tables:
            found = table.rows.take(_index(table.variables, states, len(batch)), axis=0)
            sums[:, table.columns] += found
        for column, quantity in enumerate(self._sums):
            totals[quantity][at] = sums[:, column]
        for quantity in self._largest:
            largest = totals[quantity][at]
            for table in self._peaks[quantity]:
                found = table.rows[:, 0].take(_index(table.variables, states, len(batch)))
                np.maximum(largest, found, out=largest)


def _index(variables: Sequence[Variable], states: Mapping[Variable, IntArray], n: int) -> IntArray:
    """Return the position of each candidate's joint state in a flat table, ``[n]``."""
    index = np.zeros(n, dtype=np.int64)
    for variable in variables:
        index *= variable.count
        index += states[variable]
    return index


def _parts(
    quantity: Quantity, blueprint: Blueprint, profile: DeviceProfile
) -> tuple[ChoiceArray, ...]:
    found: list[ChoiceArray] = []
    for part in quantity.parts(blueprint, profile):
        assert isinstance(part, ChoiceArray)
        found.append(part.simplified())
    return tuple(found)


def _tables(parts: Mapping[Quantity, Sequence[ChoiceArray]], join: np.ufunc) -> tuple[_Table, ...]:
    """Put parts together that depend on much the same."""
    alike: dict[frozenset[Variable], list[tuple[int, ChoiceArray]]] = {}
    for column, found in enumerate(parts.values()):
        for part in found:
            alike.setdefault(frozenset(part.variables), []).append((column, part))
    groups: dict[frozenset[Variable], list[tuple[int, ChoiceArray]]] = {}
    for key in sorted(alike, key=joint_choices, reverse=True):
        best = min(groups, key=partial(_growth, key), default=frozenset())
        joint = best | key
        if joint != best and joint_choices(joint) > MERGED:
            groups[key] = alike[key]
            continue
        groups[joint] = groups.pop(best, []) + alike[key]
    return tuple(_joined(members, join) for members in groups.values())


def _growth(added: frozenset[Variable], group: frozenset[Variable]) -> int:
    return joint_choices(group | added) - joint_choices(group)


def _joined(members: Sequence[tuple[int, ChoiceArray]], join: np.ufunc) -> _Table:
    variables = union([part for _, part in members])
    columns = sorted({column for column, _ in members})
    rows = np.zeros((*(variable.count for variable in variables), len(columns)))
    for column, part in members:
        here = rows[..., columns.index(column)]
        join(here, part.spread(variables), out=here)
    adjacent = columns == list(range(columns[0], columns[-1] + 1))
    return _Table(
        variables,
        slice(columns[0], columns[-1] + 1) if adjacent else columns,
        rows.reshape(-1, len(columns)),
    )


def _in_order(tables: Iterable[_Table]) -> tuple[Variable, ...]:
    """Return all that tables need, each behind what its state follows from."""
    found: dict[Variable, None] = {}

    def visit(variable: Variable) -> None:
        if variable in found:
            return
        if isinstance(variable.source, ChoiceArray):
            for each in variable.source.variables:
                visit(each)
        found[variable] = None

    for table in tables:
        for variable in table.variables:
            visit(variable)
    return tuple(found)
