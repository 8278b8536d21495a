from __future__ import annotations

import random
from itertools import combinations

import pytest

from tightfit.objectives.artifact.litert.memory_plan import Buffer, most_alive, offsets


def residual(seed: int) -> list[Buffer]:
    """Return the buffers of a chain, some of which wait for a sum, beside kernels' own memory."""
    chance = random.Random(seed)
    buffers = []
    for now in range(chance.randint(8, 40)):
        last = now + (chance.randint(2, 4) if chance.random() < 0.25 else 1)
        buffers.append(Buffer(16 * chance.randint(1, 400), now, last))
        if chance.random() < 0.3:
            buffers.append(Buffer(16 * chance.randint(1, 300), now, now))
    return buffers


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_takes_what_is_alive_together_and_no_more(seed: int) -> None:
    buffers = residual(seed)
    starts = offsets(buffers)
    ends = [start + buffer.size for start, buffer in zip(starts, buffers, strict=True)]
    assert max(ends) == most_alive(buffers)
    for one, other in combinations(range(len(buffers)), 2):
        if buffers[one].meets(buffers[other]):
            assert ends[one] <= starts[other] or ends[other] <= starts[one]


def test_the_largest_first_would_leave_a_hole() -> None:
    """10 and 10 lie at the bottom, 7 on top of the second, and 6 would be on top of 7."""
    chain = [Buffer(size, now, now + 1) for now, size in enumerate((10, 6, 7, 10))]
    assert most_alive(chain) == 17
    assert max(start + each.size for start, each in zip(offsets(chain), chain, strict=True)) == 17


def test_nothing_needs_no_room() -> None:
    assert offsets([]) == []
    assert most_alive([]) == 0
