"""What an integer kernel does in one go: a layer, the activation behind it, and the rounding.

Both the network that is trained and the file that is written ask here, so that they agree on what
is computed with codes and what with floats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tightfit.graph import Graph, Node

LARGEST_CODE = 255
"""Of an activation."""

FUSED = frozenset({"relu", "clip"})
"""Activations that a runtime fuses with what they alone read."""


@dataclass(frozen=True, slots=True)
class Rounding:
    """What stands behind a node that nothing else reads.

    Attributes:
        activation: In between, where there is one.
        quantize: Rounds the result.
    """

    activation: Node | None
    quantize: Node

    def vanishes(self, scale: float, zero_point: int) -> bool:
        """Whether the activation changes no value that the grid of ``quantize`` holds.

        Half a step more than the activation's range is still rounded to the last code within it:
        255 steps of a range that ends at 6 are seldom 6 to the last bit.
        """
        if self.activation is None:
            return True
        low, high = _range(self.activation)
        return (
            low <= (0.5 - zero_point) * scale and (LARGEST_CODE - 0.5 - zero_point) * scale <= high
        )


def rounding_behind(
    name: str, graph: Graph, consumers: Mapping[str, Sequence[Node]]
) -> Rounding | None:
    """Return the rounding that alone reads an activation, ``None`` where others do.

    Args:
        name: Of the activation.
        graph: Its.
        consumers: Of the graph.
    """
    reader = _sole_reader(name, graph, consumers)
    activation = None
    if reader is not None and reader.operator in FUSED:
        activation = reader
        reader = _sole_reader(activation.name, graph, consumers)
    if reader is None or reader.operator != "quantize":
        return None
    return Rounding(activation, reader)


def _sole_reader(name: str, graph: Graph, consumers: Mapping[str, Sequence[Node]]) -> Node | None:
    readers = consumers[name]
    return readers[0] if len(readers) == 1 and name not in graph.outputs else None


def _range(activation: Node) -> tuple[float, float]:
    if activation.operator == "relu":
        return 0.0, math.inf
    attributes = {"low": -math.inf, "high": math.inf, **activation.attributes}
    low, high = attributes["low"], attributes["high"]
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    return low, high
