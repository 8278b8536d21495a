"""What the width of a channel group is a multiple of, so that whole layers are.

The channels of a layer may be counted by several numbers that are all pruned: heads and the width
of each, groups and the channels in each. What such a layer gives is their product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from tightfit.spaces.axes import Axis, Dim, Joined, Plain, Product
from tightfit.spaces.sites import ChannelGroup, Sites
from tightfit.spaces.ties import Ties

USUAL_ALIGN = 8
NARROW, NARROW_ALIGN = 32, 4


def steps(sites: Sites, ties: Ties, align: int | None) -> dict[str, int]:
    """Return by name of a group what its width is a multiple of wherever it is pruned."""
    if align is None:
        return {group.name: _usual(group) for group in sites.groups}
    strict = _strict(sites, ties, align)
    return {group.name: strict[group.dim.number] for group in sites.groups}


def _usual(group: ChannelGroup) -> int:
    """Return what a group's width is a multiple of where a study says nothing.

    Narrow layers are counted by fewer channels, and each number of a product as if the others kept
    their size: heads of 64 channels are multiples of 8 by themselves.
    """
    narrow = group.width * group.multiplicity <= NARROW
    align = NARROW_ALIGN if narrow else USUAL_ALIGN
    return align // math.gcd(align, group.multiplicity)


def _strict(sites: Sites, ties: Ties, align: int) -> dict[int, int]:
    """Return by number of a dim what its width is a multiple of.

    Everything that is pruned of what a layer gives or reads is a multiple of ``align``,
    whatever is chosen for the other numbers of a product. The innermost one, the width of heads or
    groups, is a multiple of as much as its own size allows, so that the others need to be of less.
    """
    products = [
        runs
        for layer in sites.layers
        # The inputs of a layer in groups are those of one group.
        for axis in layer.axes(ties)[: 2 if layer.dense else 1]
        for runs in _runs(axis)
    ]
    takes: dict[int, int] = {}
    for parts in products:
        missing = align // math.gcd(align, _fixed(parts, ties))
        for dim in _loose(parts, ties)[::-1]:
            take = math.gcd(missing, dim.size)
            takes[dim.number] = math.lcm(takes.get(dim.number, 1), take)
            missing //= take
    found: dict[int, int] = {}
    for parts in products:
        loose = _loose(parts, ties)
        for at, dim in enumerate(loose):
            others = (takes[each.number] for each in (*loose[:at], *loose[at + 1 :]))
            step = align // math.gcd(align, _fixed(parts, ties) * math.prod(others))
            found[dim.number] = math.lcm(found.get(dim.number, 1), step)
    return found


def _runs(axis: Axis) -> Iterator[tuple[Plain | Dim, ...]]:
    """Yield for each run of an axis the numbers that count its positions, the last one fastest."""
    match axis:
        case Plain() | Dim():
            yield (axis,)
        case Joined():
            for part in axis.parts:
                yield from _runs(part)
        case Product():
            found: list[tuple[Plain | Dim, ...]] = [()]
            for part in axis.parts:
                found = [(*front, *run) for front in found for run in _runs(part)]
            yield from found


def _fixed(parts: tuple[Plain | Dim, ...], ties: Ties) -> int:
    """Return by how many a run is multiplied that nothing changes."""
    loose = _loose(parts, ties)
    return math.prod(part.size for part in parts if part not in loose)


def _loose(parts: tuple[Plain | Dim, ...], ties: Ties) -> list[Dim]:
    return [part for part in parts if isinstance(part, Dim) and part.number not in ties.frozen]
