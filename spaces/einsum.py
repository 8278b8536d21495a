"""Sums in letters (einsum), written as permutations and one matrix product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from string import ascii_letters
from typing import Any

import torch
from torch import Tensor

from tightfit import SpecError


@contextmanager
def products_for_letters() -> Iterator[None]:
    """Let `torch.einsum` write matrix products inside, so that a traced graph has only those."""
    original = torch.einsum

    def written(*arguments: Any) -> Tensor:
        try:
            return summed(*_equation_and_operands(arguments))
        except SpecError:
            return original(*arguments)  # which a graph calls as it is

    torch.einsum = written
    try:
        yield
    finally:
        torch.einsum = original


def _equation_and_operands(arguments: Sequence[Any]) -> tuple[str, list[Tensor]]:
    """Return what torch is given in one of its two forms, or with operands in a list.

    The second form has no letters: each operand is followed by the numbers of its axes, and the
    numbers of the result may stand at the end.

    Raises:
        SpecError: An axis has no letter, as the rest that three dots stand for.
    """
    if isinstance(arguments[0], str):
        equation, *parts = arguments
        flat = [[part] if isinstance(part, Tensor) else part for part in parts]
        return equation, [operand for part in flat for operand in part]
    pairs = len(arguments) // 2
    sides = [_letters(each) for each in arguments[1 : 2 * pairs : 2]]
    result = [_letters(each) for each in arguments[2 * pairs :]]
    return "->".join([",".join(sides), *result]), list(arguments[0 : 2 * pairs : 2])


def _letters(axes: Sequence[Any]) -> str:
    if not all(isinstance(each, int) and 0 <= each < len(ascii_letters) for each in axes):
        raise SpecError(f"the axes {list(axes)!r} of a sum have no rule: they must be numbers")
    return "".join(ascii_letters[each] for each in axes)


def summed(equation: str, operands: Sequence[Tensor]) -> Tensor:
    """Return ``torch.einsum(equation, operands)`` for two operands.

    Args:
        equation: With an arrow, one letter that is summed, and at most one that each operand has
            for itself; no operand has a letter twice, and the result has all but the summed one.
        operands: Two.

    Raises:
        SpecError: Another kind of equation, or sides that are summed and differ.
    """
    left, arrow, result = equation.replace(" ", "").partition("->")
    letters = left.split(",")
    if not arrow or len(letters) != 2 or "." in equation:
        raise SpecError(f"the sum {equation!r} has no rule: it must have two operands and an arrow")
    first, second = letters
    shared = [letter for letter in first if letter in second and letter in result]
    inner = [letter for letter in first if letter in second and letter not in result]
    rows = [letter for letter in first if letter not in second]
    columns = [letter for letter in second if letter not in first]
    order = [*shared, *rows, *columns]
    named = sorted(order) == sorted(result) and all(len({*each}) == len(each) for each in letters)
    if max(len(rows), len(columns)) > 1 or len(inner) != 1 or not named:
        raise SpecError(f"the sum {equation!r} has no rule: it must be a product of matrices")
    a, b = operands
    sides = a.shape[first.index(inner[0])], b.shape[second.index(inner[0])]
    if sides[0] != sides[1]:
        raise SpecError(f"the sum {equation!r} has no rule for sides of {sides[0]} and {sides[1]}")
    a = a.permute([first.index(letter) for letter in (*shared, *rows, *inner)])
    b = b.permute([second.index(letter) for letter in (*shared, *inner, *columns)])
    if not rows:
        a = a.unsqueeze(-2)
    if not columns:
        b = b.unsqueeze(-1)
    found = a.matmul(b)
    if not columns:
        found = found.squeeze(-1)
    if not rows:
        found = found.squeeze(-1 if not columns else -2)
    return found.permute([order.index(letter) for letter in result])
