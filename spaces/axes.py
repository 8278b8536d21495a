"""What the positions along an axis of a tensor are, and which axes have the same ones.

An axis is an expression: positions that nothing changes (`Plain`), positions that may be removed
(`Dim`), runs of positions one behind the other (`Joined`), and positions counted by several
numbers, the last one fastest (`Product`). What a network does to its tensors becomes arithmetic:
concatenation joins, a reshape factors and multiplies, a split cuts, a sum says that two axes are
one. A `Dim` that turns out to have inner structure is bound to the expression of it, everywhere at
once, as in the unification of terms (Robinson, "A machine-oriented logic based on the resolution
principle", 1965). What is left unbound in the end can be removed position by position, and every
tensor says where those positions lie in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Plain:
    """Positions that stay: of a picture, a batch, a window."""

    size: int


@dataclass(frozen=True, slots=True)
class Dim:
    """Positions that may be removed, e.g. channels; ``size`` of them in the baseline."""

    number: int
    size: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Runs of positions, one behind the other."""

    parts: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """In the baseline."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True, slots=True)
class Product:
    """Positions counted by several numbers, the last one fastest."""

    parts: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """In the baseline."""
        return math.prod(part.size for part in self.parts)


Axis: TypeAlias = Plain | Dim | Joined | Product


class Mismatch(Exception):  # noqa: N818 - caught where an operator's axes are followed
    """Two axes cannot be brought to one structure, or an axis has none that would do."""


def joined(parts: tuple[Axis, ...]) -> Axis:
    """Return runs behind each other, without runs inside runs."""
    flat: list[Axis] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Joined) else (part,):
            if isinstance(piece, Plain) and flat and isinstance(flat[-1], Plain):
                flat[-1] = Plain(flat[-1].size + piece.size)
            elif piece.size:
                flat.append(piece)
    if not flat:
        return Plain(0)
    return flat[0] if len(flat) == 1 else Joined(tuple(flat))


def product(parts: tuple[Axis, ...]) -> Axis:
    """Return a product without products inside, and with runs outermost where that is the order."""
    flat: list[Axis] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Product) else (part,):
            if isinstance(piece, Plain) and flat and isinstance(flat[-1], Plain):
                flat[-1] = Plain(flat[-1].size * piece.size)
            elif piece != Plain(1):
                if flat and flat[-1] == Plain(1):
                    flat.pop()
                flat.append(piece)
    if not flat:
        return Plain(1)
    if len(flat) == 1:
        return flat[0]
    first, rest = flat[0], tuple(flat[1:])
    if isinstance(first, Joined):
        return joined(tuple(product((part, *rest)) for part in first.parts))
    return Product(tuple(flat))


def dims(axis: Axis) -> Iterator[Dim]:
    """Yield what may be removed, once for each place where it stands."""
    if isinstance(axis, Dim):
        yield axis
    elif isinstance(axis, Joined | Product):
        for part in axis.parts:
            yield from dims(part)


class AxisStore:
    """All axes of one network while its operators are followed.

    Attributes:
        frozen: By number of a dim that must stay whole, the reason.
    """

    def __init__(self) -> None:
        self.frozen: dict[int, str] = {}
        self._bound: dict[int, Axis] = {}
        self._count = 0

    def new(self, size: int, reason: str | None = None) -> Axis:
        """Return new positions, frozen where there is a reason; a single one always stays."""
        if size == 1:
            return Plain(1)
        dim = Dim(self._count, size)
        self._count += 1
        if reason is not None:
            self.frozen[dim.number] = reason
        return dim

    def resolve(self, axis: Axis) -> Axis:
        """Return an axis in terms of unbound dims."""
        match axis:
            case Plain():
                return axis
            case Dim():
                if axis.number not in self._bound:
                    return axis
                found = self.resolve(self._bound[axis.number])
                self._bound[axis.number] = found
                return found
            case Joined():
                return joined(tuple(self.resolve(part) for part in axis.parts))
            case Product():
                return product(tuple(self.resolve(part) for part in axis.parts))

    def freeze(self, axis: Axis, reason: str) -> None:
        """Say that nothing of an axis may be removed; the first reason stays."""
        for dim in dims(self.resolve(axis)):
            self.frozen.setdefault(dim.number, reason)

    def unify(self, first: Axis, second: Axis) -> None:
        """Say that two axes have the same positions.

        Raises:
            Mismatch: They have different sizes, or no common structure.
        """
        a, b = self.resolve(first), self.resolve(second)
        if a == b:
            return
        if a.size != b.size:
            raise Mismatch(f"{a.size} positions meet {b.size}")
        if isinstance(a, Dim) and isinstance(b, Dim):
            self._bind(*((b, a) if a.number < b.number else (a, b)))
        elif isinstance(a, Dim):
            self._bind(a, b)
        elif isinstance(b, Dim):
            self._bind(b, a)
        elif isinstance(a, Plain) or isinstance(b, Plain):
            reason = "its channels meet positions that stay"
            self.freeze(a, reason)
            self.freeze(b, reason)
        elif isinstance(a, Joined) or isinstance(b, Joined):
            self._unify_joined(a, b)
        else:
            self._unify_products(a, b)

    def cut(self, axis: Axis, at: int) -> tuple[Axis, Axis]:
        """Return the first ``at`` positions of an axis, and the others."""
        axis = self.resolve(axis)
        if at in (0, axis.size):
            ends: tuple[Axis, Axis] = (Plain(0), axis)
            return ends if at == 0 else (axis, Plain(0))
        match axis:
            case Plain():
                return Plain(at), Plain(axis.size - at)
            case Dim():
                reason = self.frozen.get(axis.number)
                left, right = self.new(at, reason), self.new(axis.size - at, reason)
                self._bound[axis.number] = Joined((left, right))
                return left, right
            case Joined():
                return self._cut_joined(axis, at)
            case Product():
                return self._cut_product(axis, at)

    def factor(self, axis: Axis, size: int) -> tuple[Axis, Axis]:
        """Return an axis as a product of two: an outer one of ``size`` positions, and an inner one.

        Raises:
            Mismatch: The axis has no such structure.
        """
        axis = self.resolve(axis)
        inner = axis.size // size
        if size * inner != axis.size:
            raise Mismatch(f"{axis.size} positions are no multiple of {size}")
        if size == 1 or inner == 1:
            return (Plain(1), axis) if size == 1 else (axis, Plain(1))
        match axis:
            case Plain():
                return Plain(size), Plain(inner)
            case Dim():
                reason = self.frozen.get(axis.number)
                parts = (self.new(size, reason), self.new(inner, reason))
                self._bound[axis.number] = Product(parts)
                return parts
            case Product():
                return self._factor_product(axis, size)
            case Joined():
                return self._factor_joined(axis, size)

    def _bind(self, dim: Dim, axis: Axis) -> None:
        if any(inner.number == dim.number for inner in dims(axis)):
            raise Mismatch("channels would have to be a part of themselves")
        reason = self.frozen.get(dim.number)
        if reason is not None:
            self.freeze(axis, reason)
        self._bound[dim.number] = axis

    def _unify_joined(self, a: Axis, b: Axis) -> None:
        whole = a if isinstance(a, Joined) else b
        assert isinstance(whole, Joined)
        other = b if whole is a else a
        at = whole.parts[0].size
        if isinstance(other, Product) and at % product(other.parts[1:]).size:
            outer, inner = self.factor(whole, other.parts[0].size)
            self.unify(outer, other.parts[0])
            self.unify(inner, product(other.parts[1:]))
            return
        left, right = self.cut(whole, at), self.cut(other, at)
        self.unify(left[0], right[0])
        self.unify(left[1], right[1])

    def _unify_products(self, a: Axis, b: Axis) -> None:
        assert isinstance(a, Product)
        assert isinstance(b, Product)
        size = min(a.parts[0].size, b.parts[0].size)
        (outer, inner), (outer2, inner2) = self.factor(a, size), self.factor(b, size)
        self.unify(outer, outer2)
        self.unify(inner, inner2)

    def _cut_joined(self, axis: Joined, at: int) -> tuple[Axis, Axis]:
        left: list[Axis] = []
        for position, part in enumerate(axis.parts):
            if at >= part.size:
                left.append(part)
                at -= part.size
                continue
            first, second = self.cut(part, at)
            return joined((*left, first)), joined((second, *axis.parts[position + 1 :]))
        raise AssertionError("a cut behind the end")  # pragma: no cover

    def _cut_product(self, axis: Product, at: int) -> tuple[Axis, Axis]:
        rest = product(axis.parts[1:])
        left, right = self.cut(axis.parts[0], at // rest.size)
        if at % rest.size == 0:
            return product((left, rest)), product((right, rest))
        # Through the middle of one group: it stands on both sides, with a part of its positions.
        middle, right = self.cut(right, 1)
        before, after = self.cut(rest, at % rest.size)
        return (
            joined((product((left, rest)), product((middle, before)))),
            joined((product((middle, after)), product((right, rest)))),
        )

    def _factor_product(self, axis: Product, size: int) -> tuple[Axis, Axis]:
        first, rest = axis.parts[0], axis.parts[1:]
        if first.size == size:
            return first, product(rest)
        if first.size > size:
            outer, inner = self.factor(first, size)
            return outer, product((inner, *rest))
        if size % first.size:
            raise Mismatch(f"groups of {first.size} channels are regrouped by {size}")
        outer, inner = self.factor(product(rest), size // first.size)
        return product((first, outer)), inner

    def _factor_joined(self, axis: Joined, size: int) -> tuple[Axis, Axis]:
        inner = axis.size // size
        # Runs of groups of one kind are groups of that kind.
        try:
            pairs = [self._whole_groups(part, inner) for part in axis.parts]
        except Mismatch:
            pairs = []
        if pairs and all(pair[1] == pairs[0][1] for pair in pairs):
            return joined(tuple(pair[0] for pair in pairs)), pairs[0][1]
        # Else every row of the rectangle has the same positions.
        rows: list[Axis] = []
        rest: Axis = axis
        for _ in range(size):
            row, rest = self.cut(rest, inner)
            rows.append(row)
        for row in rows[1:]:
            self.unify(rows[0], row)
        return Plain(size), self.resolve(rows[0])

    @staticmethod
    def _whole_groups(part: Axis, inner: int) -> tuple[Axis, Axis]:
        """Return a part as groups of ``inner`` positions, without giving it new structure."""
        if not isinstance(part, Product):
            raise Mismatch("no groups")
        for count in range(1, len(part.parts)):
            if product(part.parts[count:]).size == inner:
                return product(part.parts[:count]), product(part.parts[count:])
        raise Mismatch("no groups of that size")
