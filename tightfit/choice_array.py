"""Arrays over choices instead of candidates: a formula run on them becomes a table of itself.

What is written for a batch, an array ``[n]`` for every number of a network, runs on these as well,
through the protocols that numpy has for arrays of other kinds (NEP 13 and NEP 18). The result says
which choices a number depends on, and has its value for each joint choice of them, however many
candidates there are. It is to choices what a labelled array is to axes: operands meet by variable.

A number that depends on too many variables is condensed: its distinct values become the states of
a variable of their own. That keeps sums over many choices small, since they have few values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from tightfit.errors import SpecError
from tightfit.space import IntArray, SearchSpace

FEW = 64
"""Joint choices up to which a number stays as it is: looking its state up would cost more."""

COMFORTABLE = 2**16
"""Joint choices from which on operands are condensed before they meet, where that pays."""

LARGEST = 2**20
"""Joint choices above which operands are condensed in any case, and there is no larger table."""

PAYS = 8
"""How many times fewer values than joint choices a number needs, so that condensing it pays."""

Values: TypeAlias = npt.NDArray[Any]

_Number = TypeVar("_Number", bound=np.generic)


class TooManyChoicesError(SpecError):
    """A number depends on more joint choices than a table can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """Something with finitely many states that numbers depend on.

    Attributes:
        count: Of its states.
        source: The column of a batch that holds its state, or what its state follows from.
        columns: The columns of a batch that its state follows from in the end.
    """

    count: int
    source: int | ChoiceArray
    columns: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        # Kept: asked of chains of variables anew, it takes as long as there are ways through them.
        known = frozenset((self.source,)) if isinstance(self.source, int) else self.source.columns
        object.__setattr__(self, "columns", known)


class ChoiceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """A number of each candidate, by the states of the few variables that it depends on.

    It is never changed in place. What is not elementwise raises: a function of numpy that is not
    named here, its truth as a whole, its use as an index (:func:`pick` reads a table).

    Args:
        variables: What it depends on, each once.
        values: An axis for each of the variables, as long as that has states.
    """

    __slots__ = ("_condensed", "values", "variables")

    def __init__(self, variables: tuple[Variable, ...], values: Values) -> None:
        self.variables = variables
        self.values = values
        self._condensed: ChoiceArray | None = None

    @property
    def columns(self) -> frozenset[int]:
        """The columns of a batch that it depends on."""
        return frozenset[int]().union(*(variable.columns for variable in self.variables))

    def spread(self, variables: Sequence[Variable]) -> Values:
        """Return the values over more variables in their order, axes of length 1 among them."""
        own = [self.variables.index(each) for each in variables if each in self.variables]
        shape = [each.count if each in self.variables else 1 for each in variables]
        return self.values.transpose(own).reshape(shape)

    def simplified(self) -> ChoiceArray:
        """Return it without the variables that make no difference."""
        values = self.values
        left: list[Variable] = []
        for variable in self.variables:
            first = values.take([0], axis=len(left))
            if (values == first).all():
                values = first.squeeze(len(left))
            else:
                left.append(variable)
        return ChoiceArray(tuple(left), values) if len(left) < len(self.variables) else self

    def condensed(self) -> ChoiceArray:
        """Return it over one variable, whose states are its distinct values, where that is less."""
        if self._condensed is None:
            self._condensed = self
            if len(self.variables) > 1:
                distinct, codes = np.unique(self.values, return_inverse=True)
                if distinct.size < self.values.size:
                    source = ChoiceArray(self.variables, codes.reshape(self.values.shape))
                    variable = Variable(distinct.size, source)
                    self._condensed = ChoiceArray((variable,), distinct).simplified()
        return self._condensed

    def settled(self, above: int = 0) -> ChoiceArray:
        """Return it condensed where it has more joint choices than that, and it pays."""
        if self.values.dtype == np.bool_:
            return self.condensed()
        if self.values.size <= above:
            return self
        condensed = self.condensed()
        return condensed if condensed.values.size * PAYS <= self.values.size else self

    def astype(self, kind: npt.DTypeLike) -> ChoiceArray:
        """Return it with numbers of another type."""
        return ChoiceArray(self.variables, self.values.astype(kind))

    def __bool__(self) -> bool:
        raise TypeError("an array over choices is neither true nor false; ask any() or all()")

    def any(self) -> bool:
        """Whether it is true of some candidate."""
        return bool(self.values.any())

    def all(self) -> bool:
        """Whether it is true of every candidate."""
        return bool(self.values.all())

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, **kwargs: object
    ) -> Any:
        if method != "__call__" or kwargs or ufunc.nout != 1:
            return NotImplemented
        return _together(ufunc, inputs)

    def __array_function__(
        self,
        function: Callable[..., Any],
        _types: object,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        known = _FUNCTIONS.get(function)
        return NotImplemented if known is None else known(*arguments, **options)


def joint_choices(variables: Collection[Variable]) -> int:
    """Return how many joint states variables have."""
    return math.prod(variable.count for variable in variables)


def union(arrays: Sequence[ChoiceArray]) -> tuple[Variable, ...]:
    """Return every variable of some arrays once."""
    return tuple(dict.fromkeys(each for array in arrays for each in array.variables))


def pick(table: npt.NDArray[_Number], choice: IntArray) -> npt.NDArray[_Number]:
    """Return ``table[choice]``: of a batch's choices ``[n]``, ``[n]``, or of an array over choices.

    Args:
        table: A number by choice, ``[choices]``.
        choice: Index of the choice.
    """
    if isinstance(choice, ChoiceArray):
        return cast("npt.NDArray[_Number]", ChoiceArray(choice.variables, table[choice.values]))
    return table[choice]


def settle(array: npt.NDArray[_Number], *, above: int = FEW) -> npt.NDArray[_Number]:
    """Note that a number is used as it is from here on, whatever it came from.

    An array over choices is condensed where that pays: a flag always, another number where it has
    more joint choices than `above` and far fewer values. A batch's array is returned as it is.
    """
    if not isinstance(array, ChoiceArray):
        return array
    return cast("npt.NDArray[_Number]", array.settled(above))


def every_candidate(space: SearchSpace) -> IntArray:
    """Return what stands for a batch of all candidates of a space.

    It has no rows; its columns, ``batch[:, column]``, are arrays over the choices of one hparam.
    """
    return cast(IntArray, _EveryCandidate(space))


class _EveryCandidate:
    def __init__(self, space: SearchSpace) -> None:
        self._columns = [
            ChoiceArray((Variable(int(count), column),), np.arange(count)).simplified()
            for column, count in enumerate(space.choice_counts)
        ]

    def __getitem__(self, key: tuple[slice, int]) -> ChoiceArray:
        rows, column = key
        if rows != slice(None):
            raise TypeError(f"a batch of every candidate has no rows, got {rows!r}")
        return self._columns[column]


def _together(function: Callable[..., Values], operands: Sequence[object]) -> ChoiceArray:
    """Apply an elementwise function for each joint choice of what its operands depend on."""
    arrays = iter(_fitting([each for each in operands if isinstance(each, ChoiceArray)]))
    operands = [next(arrays) if isinstance(each, ChoiceArray) else each for each in operands]
    for each in operands:
        if np.ndim(each if not isinstance(each, ChoiceArray) else 0) > 0:  # type: ignore[arg-type]
            raise TypeError("an array over choices meets numbers and its like, got a batch's array")
    variables = union([each for each in operands if isinstance(each, ChoiceArray)])
    values = function(
        *(each.spread(variables) if isinstance(each, ChoiceArray) else each for each in operands)
    )
    result = ChoiceArray(variables, np.asarray(values))
    return result.simplified() if result.values.dtype == np.bool_ else result


def _fitting(arrays: list[ChoiceArray]) -> list[ChoiceArray]:
    """Condense some of the arrays, or all, until they meet in few enough joint choices."""
    arrays = _reduced(arrays, COMFORTABLE, ChoiceArray.settled)
    arrays = _reduced(arrays, LARGEST, ChoiceArray.condensed)
    size = joint_choices(union(arrays))
    if size > LARGEST:
        raise TooManyChoicesError(f"a table has at most {LARGEST} joint choices, one needs {size}")
    return arrays


def _reduced(
    arrays: list[ChoiceArray], limit: int, change: Callable[[ChoiceArray], ChoiceArray]
) -> list[ChoiceArray]:
    size = joint_choices(union(arrays))
    while size > limit:
        ways = [[*arrays[:i], change(each), *arrays[i + 1 :]] for i, each in enumerate(arrays)]
        ways.append([change(each) for each in arrays])
        best = min(ways, key=lambda way: joint_choices(union(way)))
        found = joint_choices(union(best))
        if found >= size:
            break
        arrays, size = best, found
    return arrays


def _where(condition: object, chosen: object, other: object) -> ChoiceArray:
    return _together(np.where, (condition, chosen, other))


def _zeros_like(array: ChoiceArray, dtype: npt.DTypeLike | None = None) -> ChoiceArray:
    return ChoiceArray((), np.zeros((), dtype or array.values.dtype))


def _ones_like(array: ChoiceArray, dtype: npt.DTypeLike | None = None) -> ChoiceArray:
    return ChoiceArray((), np.ones((), dtype or array.values.dtype))


def _max(array: ChoiceArray, *, initial: float) -> Any:
    return array.values.max(initial=initial)


_FUNCTIONS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    np.where: _where,
    np.zeros_like: _zeros_like,
    np.ones_like: _ones_like,
    np.max: _max,
}
"""Functions of numpy, beside its elementwise ones, that formulas for a batch may use."""
