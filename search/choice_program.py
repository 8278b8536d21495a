"""Every candidate of a space as the whole solutions of linear equations.

A choice is a number that is 0 or 1, and the choices of an hparam sum to 1. A table over several
hparams has a number for each of its joint states, and those that share a choice sum to that choice
(the local marginal polytope: Wainwright and Jordan, "Graphical models, exponential families, and
variational inference", 2008, section 4.1). Where the choices are whole so are the joint states, and
a sum of tables is linear in them, over however many hparams a table is: nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tightfit import BoolArray, FloatArray, Hparam, IntArray, SearchSpace, Total
from tightfit.choice_array import ChoiceArray, Variable


@dataclass(frozen=True, slots=True)
class Expression:
    """A linear function of the program's numbers.

    Attributes:
        weights: Of each number, ``[numbers]``.
        constant: Added to it.
    """

    weights: FloatArray
    constant: float = 0.0

    def plus(self, other: Expression) -> Expression:
        """Return the sum of two."""
        return Expression(self.weights + other.weights, self.constant + other.constant)

    def times(self, factor: float) -> Expression:
        """Return a multiple."""
        return Expression(factor * self.weights, factor * self.constant)


class ChoiceProgram:
    """The numbers and equations that stand for the candidates of a space.

    Args:
        space: Of the candidates.
        totals: What will be asked about; only the hparams that they depend on get numbers.

    Attributes:
        size: How many numbers there are.
        runs: Slices of numbers that sum to 1; each number is in one of them.
    """

    def __init__(self, space: SearchSpace, totals: Sequence[Total]) -> None:
        self._space = space
        self.size = 0
        self.runs: list[slice] = []
        self._rows: list[tuple[IntArray, FloatArray, float, float]] = []
        self._columns: dict[int, slice] = {}
        self._states: dict[Variable, slice] = {}
        self._joint: dict[tuple[Variable, ...], slice] = {}
        for part in (part for total in totals for part in total.parts):
            self._numbers(part.variables)
        for column in list(self._columns):
            self._add_conditions(column)

    @property
    def whole(self) -> BoolArray:
        """Whether each number must be 0 or 1, ``[size]``; the others follow from these."""
        flags = np.zeros(self.size, dtype=np.bool_)
        for numbers in self._columns.values():
            flags[numbers] = True
        return flags

    def sum(self, parts: Sequence[ChoiceArray]) -> Expression:
        """Return the sum of some parts of the totals."""
        weights, constant = np.zeros(self.size), 0.0
        for part in parts:
            if part.variables:
                weights[self._numbers(part.variables)] += part.values.ravel()
            else:
                constant += float(part.values)
        return Expression(weights, constant)

    def row(self, solution: FloatArray) -> IntArray:
        """Return the candidate of a solution ``[size]``, ``[hparams]``; other hparams at first."""
        chosen = np.zeros((1, len(self._space)), dtype=np.int64)
        for column, numbers in self._columns.items():
            chosen[0, column] = int(solution[numbers].argmax())
        row: IntArray = self._space.canonical(chosen)[0]
        return row

    def rows_with(
        self, more: Sequence[tuple[FloatArray, float]]
    ) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """Return the rows that all candidates keep, and more of them, for a solver.

        Args:
            more: Weights ``[size + 1]``, of one number beside those of the choices, and the most
                that their sum may be.

        Returns:
            The matrix ``[rows, size + 1]``, the least and the greatest of each row, ``[rows]``.
        """
        found = [(np.flatnonzero(w), w[np.flatnonzero(w)], -np.inf, high) for w, high in more]
        rows_found = [*self._rows, *found]
        if not rows_found:
            return sparse.csr_array((0, self.size + 1)), np.zeros(0), np.zeros(0)
        where, weights, low, high = zip(*rows_found, strict=True)
        rows = np.repeat(np.arange(len(where)), [len(each) for each in where])
        at = (rows, np.concatenate(where))
        matrix = sparse.csr_array((np.concatenate(weights), at), shape=(len(where), self.size + 1))
        return matrix, np.array(low), np.array(high)

    def _numbers(self, variables: tuple[Variable, ...]) -> slice:
        """Return the numbers of the joint states of some variables, in the order of their table."""
        if not variables:
            return slice(0, 0)
        if len(variables) == 1:
            return self._of_variable(variables[0])
        if variables not in self._joint:
            singles = [self._of_variable(variable) for variable in variables]
            shape = tuple(variable.count for variable in variables)
            numbers = self._new(int(np.prod(shape)))
            self._joint[variables] = numbers
            places = np.arange(numbers.start, numbers.stop).reshape(shape)
            for axis, single in enumerate(singles):
                for state, at in enumerate(range(single.start, single.stop)):
                    self._equate(places.take(state, axis=axis).ravel(), at)
        return self._joint[variables]

    def _of_variable(self, variable: Variable) -> slice:
        source = variable.source
        if isinstance(source, int):
            return self._column(source)
        if variable not in self._states:
            joint = self._numbers(source.variables)
            numbers = self._new(variable.count)
            self._states[variable] = numbers
            places = np.arange(joint.start, joint.stop)
            codes = source.values.ravel()
            for state, at in enumerate(range(numbers.start, numbers.stop)):
                self._equate(places[codes == state], at)
        return self._states[variable]

    def _column(self, column: int) -> slice:
        if column not in self._columns:
            numbers = self._new(len(self._space.hparams[column].choices))
            self._columns[column] = numbers
            places = np.arange(numbers.start, numbers.stop)
            self._rows.append((places, np.ones(len(places)), 1.0, 1.0))
        return self._columns[column]

    def _new(self, count: int) -> slice:
        numbers = slice(self.size, self.size + count)
        self.size += count
        self.runs.append(numbers)
        return numbers

    def _equate(self, summed: IntArray, to: int) -> None:
        """Note that some numbers sum to another one."""
        where = np.append(summed, to)
        self._rows.append((where, np.append(np.ones(len(summed)), -1.0), 0.0, 0.0))

    def _add_conditions(self, column: int) -> None:
        """Keep an inactive hparam at its first choice, as every canonical candidate has it."""
        own = self._column(column)
        for name, active in _conditions(self._space, self._space.hparams[column]):
            other = self._column(self._space.column(name))
            allowing = np.array([other.start + index for index in active], dtype=np.int64)
            for at in range(own.start + 1, own.stop):
                where = np.append(allowing, at)
                weights = np.append(-np.ones(len(allowing)), 1.0)
                self._rows.append((where, weights, -np.inf, 0.0))


def _conditions(space: SearchSpace, hparam: Hparam) -> list[tuple[str, tuple[int, ...]]]:
    """Return all that an hparam's activity depends on, at whatever distance."""
    found = []
    while hparam.active_if is not None:
        found.append(hparam.active_if)
        hparam = space.hparams[space.column(hparam.active_if[0])]
    return found
