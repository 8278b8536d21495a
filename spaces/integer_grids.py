"""Grids that integer operators demand of what they give.

A table of 256 entries stands for a sigmoid, and runtimes fix the grid of its values; a mean over
windows is computed on the codes themselves, and its values lie on the grid of what it reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from tightfit import Graph, Node

LEVELS = 256

FIXED_RANGES: Mapping[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1 - 1 / LEVELS),
    "softmax": (0.0, 1 - 1 / LEVELS),
    "tanh": (-1.0, 1 - 2 / LEVELS),
    "hardsigmoid": (0.0, 1.0),
}
"""By operator, the values of the lowest and the highest code.

That of a hard sigmoid is ours: its codes are then those of ``relu6(x + 3)``.
"""

_KEEPERS = frozenset({"avg_pool", "upsample", "slice", "gather", "pad", "roll"})


def keeps_grid(node: Node) -> bool:
    """Whether an integer operator leaves its values on the grid of its input.

    An adaptive mean of everything is no mean over windows, and has a grid of its own.
    """
    if node.operator == "adaptive_avg_pool":
        return node.integers("output_size") != (1, 1)
    return node.operator in _KEEPERS


def grid_owners(graph: Graph, moves: frozenset[str]) -> dict[str, str]:
    """Return by activation the one that gives it its grid.

    Args:
        graph: Without quantization.
        moves: Operators whose outputs are some of their inputs.
    """
    owners = {name: name for name in graph.inputs}
    for node in graph.nodes:
        kept = node.operator in moves or keeps_grid(node)
        owners[node.name] = owners[node.inputs[0]] if kept else node.name
    return owners
