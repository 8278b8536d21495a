"""Where each buffer lies in an arena, so that it is as small as what is alive together.

The planner of TensorFlow Lite Micro places the largest buffer first and each next one in the first
gap, which leaves holes between buffers that follow each other. A file may bring a plan of its own,
made here: the same placement in other orders, until nothing is left to gain. What lies on top of an
arena that is too high is placed earlier.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

ORDERS = 300
"""How many are tried at most. Of residual networks with random sizes 5 are needed in the mean."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes, and the first and the last operator while which they are needed."""

    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether two are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def most_alive(buffers: Sequence[Buffer]) -> int:
    """Return the bytes at the fullest moment, below which no plan can be."""
    moments = {buffer.first for buffer in buffers}
    return max(
        (sum(each.size for each in buffers if each.first <= now <= each.last) for now in moments),
        default=0,
    )


def offsets(buffers: Sequence[Buffer]) -> list[int]:
    """Return where each buffer starts."""
    if not buffers:
        return []
    least, chance = most_alive(buffers), random.Random(0)
    order = sorted(range(len(buffers)), key=lambda number: -buffers[number].size)
    best: tuple[int, list[int]] | None = None
    for attempt in range(ORDERS):
        starts = _placed(buffers, order)
        ends = [start + each.size for start, each in zip(starts, buffers, strict=True)]
        height = max(ends)
        if best is None or height < best[0]:
            best = height, starts
        if height <= least:
            break
        highest = ends.index(height)
        order.remove(highest)
        # Always in front, the same few would take turns.
        order.insert(chance.randrange(len(order) // 2 + 1) if attempt % 3 else 0, highest)
    assert best is not None
    return best[1]


def _placed(buffers: Sequence[Buffer], order: Sequence[int]) -> list[int]:
    """Return the first gap for each buffer, beside those before it in the order."""
    starts: dict[int, int] = {}
    for number in order:
        buffer, start = buffers[number], 0
        beside = sorted(
            (other, buffers[each].size)
            for each, other in starts.items()
            if buffers[each].meets(buffer)
        )
        for other, size in beside:
            if other - start >= buffer.size:
                break
            start = max(start, other + size)
        starts[number] = start
    return [starts[number] for number in range(len(buffers))]
