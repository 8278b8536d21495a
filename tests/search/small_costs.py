"""A space of a few hundred candidates with costs of every kind, and all of them enumerated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tightfit import CostStructure, FloatArray, Hparam, IntArray, LinearCase, SearchSpace, Total
from tightfit.choice_array import ChoiceArray, every_candidate

SPACE = SearchSpace(
    (
        Hparam("block.depth", (1, 0)),
        Hparam("block.width", (8, 6, 4), ("block.depth", (0,))),
        Hparam("stem.width", (8, 5, 3, 2)),
        Hparam("bits", (8, 4)),
        Hparam("head.width", (9, 7, 5)),
        Hparam("training.epochs", (1, 2)),
    )
)
EVERY = np.unique(
    SPACE.canonical(
        np.stack(np.unravel_index(np.arange(SPACE.size), tuple(SPACE.choice_counts)), axis=1)
    ),
    axis=0,
)
"""Every candidate, ``[n, hparams]``."""


@dataclass(frozen=True, slots=True)
class SmallCosts:
    """Size: products of three hparams. Memory: the largest moment. Energy: dear beyond a size."""

    seed: int = 0

    def __call__(self, batch: IntArray) -> Mapping[str, FloatArray]:
        size, moments = self._parts(batch)
        total = np.asarray(sum(size), dtype=np.float64)
        memory = np.maximum.reduce([np.asarray(each, dtype=np.float64) for each in moments])
        price = np.where(total <= self.turn, 0.25, 0.75)
        return {"size": total / 10, "memory": memory, "energy": total * price + memory * 0.125}

    @property
    def turn(self) -> float:
        """Size beyond which a byte costs more."""
        return 300.0

    def structures(self) -> dict[str, CostStructure]:
        """Return the same costs taken apart."""
        size, moments = self._parts(every_candidate(SPACE))
        sizes, peak = Total(_arrays(size)), Total(_arrays(moments), largest=True)
        near = LinearCase(((sizes, 0.25), (peak, 0.125)), within=((sizes, 0.0, self.turn),))
        far = LinearCase(((sizes, 0.75), (peak, 0.125)), within=((sizes, self.turn + 1, np.inf),))
        return {
            "size": CostStructure("size", (LinearCase(((sizes, 0.1),)),)),
            "memory": CostStructure("memory", (LinearCase(((peak, 1.0),)),)),
            "energy": CostStructure("energy", (near, far)),
        }

    def _parts(self, batch: IntArray) -> tuple[list[IntArray], list[IntArray]]:
        rng = np.random.default_rng(self.seed)
        there = np.where(batch[:, 0] == 0, 1, 0)
        block = (8 - 2 * batch[:, 1]) * there
        stem = 8 - batch[:, 2] - batch[:, 2] // 2
        bits = 8 - 4 * batch[:, 3]
        head = 9 - 2 * batch[:, 4]
        weights = rng.integers(1, 5, size=4)
        size = [
            weights[0] * stem * bits,
            weights[1] * stem * block * bits,
            weights[2] * stem * head,
            17 + 0 * stem,
        ]
        # Less memory where more bits: limits on both can conflict.
        moments = [stem * 64 // bits + weights[3] * block, head * 3 + stem]
        return size, moments


def _arrays(parts: list[IntArray]) -> tuple[ChoiceArray, ...]:
    found: list[ChoiceArray] = []
    for part in parts:
        assert isinstance(part, ChoiceArray)
        found.append(part.simplified())
    return tuple(found)
