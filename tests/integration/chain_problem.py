"""A chain of any number of layers whose costs multiply, with a quality that is not a sum.

What a layer costs is a product: of the channels that its predecessor keeps, of those that it keeps
itself, and, for the size, of its bits. The error grows with the sum of what the choices damage,
faster where much is damaged, and neighbours that are both damaged do more than each alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tightfit import (
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Objective,
    SearchSpace,
    Sense,
)

KEPT = np.array([1.0, 0.75, 0.5, 0.375, 0.25])
BITS = np.array([8, 6, 4, 2])
OBJECTIVES = (Objective("error", Direction.MINIMIZE), Objective("size", Direction.MINIMIZE))
CONSTRAINTS = (Constraint("size", Sense.AT_MOST, 0.06), Constraint("macs", Sense.AT_MOST, 0.35))


@dataclass(frozen=True)
class Chain:
    """The problem for ``layers`` layers, which has two hparams a layer.

    Attributes:
        layers: At least 2.
    """

    layers: int

    @property
    def space(self) -> SearchSpace:
        """Return the kept channels of each layer, then its bits."""
        return SearchSpace(
            (
                *(Hparam(f"layer{i}.kept", tuple(KEPT.tolist())) for i in range(self.layers)),
                *(Hparam(f"layer{i}.bits", tuple(BITS.tolist())) for i in range(self.layers)),
            )
        )

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        """Return size and macs of a batch ``[n, 2 layers]`` as shares of the baseline's."""
        kept = KEPT[batch[:, : self.layers]]
        before = np.column_stack([np.ones(len(batch)), kept[:, :-1]])
        parts = self._weights() * kept * before
        bits = BITS[batch[:, self.layers :]] / 32
        even: FloatArray = np.linspace(1.5, 0.5, self.layers) / self.layers
        return {"size": (parts * bits).sum(axis=1), "macs": (even * kept * before).sum(axis=1)}

    def single_damage(self) -> list[FloatArray]:
        """Return by hparam what each choice damages alone, ``[choices]``."""
        rng = np.random.default_rng(self.layers)
        sensitive = np.exp(0.7 * rng.standard_normal(self.layers))
        sensitive *= 0.9 / sensitive.sum()
        kept = [each * (1 - KEPT) ** 1.7 for each in sensitive]
        bits = [each * np.array([0.0, 0.03, 0.15, 0.7]) for each in sensitive]
        return [*kept, *bits]

    def errors(self, batch: IntArray) -> FloatArray:
        """Return the error of a batch ``[n, 2 layers]``, ``[n]``."""
        single = self.single_damage()
        each = np.stack([table[batch[:, i]] for i, table in enumerate(single)], axis=1)
        by_layer = each[:, : self.layers] + each[:, self.layers :]
        coupled = 0.5 * self.layers * (by_layer[:, :-1] * by_layer[:, 1:]).sum(axis=1)
        total = by_layer.sum(axis=1) + coupled
        found: FloatArray = 0.05 + 0.9 * (1 - np.exp(-total - 0.5 * total**2))
        return found

    def _weights(self) -> FloatArray:
        weights: FloatArray = np.linspace(0.3, 1.7, self.layers) / self.layers
        return weights
