"""The blueprint of the residual program, for a batch of widths and bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from tightfit.blueprint import FLOAT_BITS, Activation, Blueprint, Operation
from tightfit.space import IntArray

Settings = Sequence[tuple[int | None, int]]


class _Draft:
    def __init__(self, bits: IntArray) -> None:
        self.bits = bits
        self.stored = np.where(bits < FLOAT_BITS, 8, FLOAT_BITS)
        self.operations: list[Operation] = []
        self.activations: dict[str, Activation] = {}

    def store(self, name: str, elements: IntArray) -> None:
        self.activations[name] = Activation(name, elements, self.stored)

    def layer(
        self, name: str, source: str, inner: IntArray, outer: IntArray, kernel: int, places: int
    ) -> None:
        n = len(self.bits)
        self.operations.append(
            Operation(
                name=name,
                operator="conv" if kernel else "linear",
                inputs=(source,),
                output=name,
                present=np.ones(n, np.bool_),
                in_channels=inner,
                out_channels=outer,
                groups=np.ones(n, np.int64),
                kernel=(max(kernel, 1),) * 2,
                positions=np.full(n, places),
                bits=self.bits,
                bias=True,
                trained_extras=outer,
            )
        )
        self.store(name, outer * places)

    def plain(self, name: str, operator: str, inputs: tuple[str, ...], elements: IntArray) -> None:
        zero = np.zeros_like(self.bits)
        self.operations.append(
            Operation(
                name=name,
                operator=operator,
                inputs=inputs,
                output=name,
                present=np.ones(len(self.bits), np.bool_),
                in_channels=zero,
                out_channels=zero,
                groups=zero + 1,
                kernel=(1, 1),
                positions=zero,
                bits=zero + FLOAT_BITS,
                bias=False,
                trained_extras=zero,
            )
        )
        self.store(name, elements)


def _residual(settings: Settings) -> Blueprint:
    bits = np.array([FLOAT_BITS if bits is None else bits for bits, _ in settings])
    width = np.array([width for _, width in settings])
    draft, one, ten = _Draft(bits), np.ones_like(width), np.full_like(width, 10)
    draft.store("input", one * 784)
    draft.layer("stem", "input", one, width, 3, 196)
    draft.layer("block.conv1", "stem", width, width, 3, 196)
    draft.layer("block.conv2", "block.conv1", width, width, 3, 196)
    draft.plain("block.sum", "add", ("stem", "block.conv2"), width * 196)
    draft.plain("pool", "max_pool", ("block.sum",), width * 49)
    draft.layer("head", "pool", width, 2 * width, 3, 49)
    draft.plain("mean", "adaptive_avg_pool", ("head",), 2 * width)
    draft.plain("flat", "flatten", ("mean",), 2 * width)
    draft.layer("fc", "flat", 2 * width, ten, 0, 1)
    draft.activations["fc"] = Activation("fc", ten, np.full_like(width, FLOAT_BITS))
    return Blueprint(tuple(draft.operations), draft.activations, ("input",), ("fc",))


@pytest.fixture
def residual_blueprint() -> Callable[[Settings], Blueprint]:
    """A factory: of ``(bits or None, width)`` for each candidate."""
    return _residual
