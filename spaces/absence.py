"""What residual blocks take with them when they are dropped, read once from a graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

import numpy as np

from tightfit import BoolArray, Graph
from tightfit.choice_array import settle
from tightfit.fusion import FUSED
from tightfit.spaces.blocks import Block, Step, around, steps_to, varying
from tightfit.spaces.bypass import WHOLE, Bypass
from tightfit.spaces.folding import folded_norms
from tightfit.spaces.quantization import TAKES_ACTIVATION

Needs: TypeAlias = frozenset[frozenset[str]]
"""Sets of names of blocks: something is there where all blocks of one of the sets are kept."""


@dataclass(frozen=True, slots=True)
class Absence:
    """What hangs on the blocks of a graph.

    Attributes:
        blocks: That may be dropped.
        nodes: By node that may be gone, what it needs.
        activations: By activation that may be gone, what it needs; that of a block's output does
            not need the block, since its skip stands for it.
        fusions: By activation behind the sum of a block, what it reads when blocks are dropped,
            and the node that it is fused with there, ``None`` where there is none.
    """

    blocks: tuple[Block, ...]
    nodes: Mapping[str, Needs]
    activations: Mapping[str, Needs]
    fusions: Mapping[str, tuple[tuple[Step, str | None], ...]]

    def remove(self, graph: Graph, dropped: frozenset[str]) -> Graph:
        """Return a graph with these nodes without the blocks that are named."""
        skips: dict[str, str] = {}
        for block in self.blocks:
            if block.name in dropped:
                skips[block.output] = block.skip

        def source(name: str) -> str:
            return source(skips[name]) if name in skips else name

        nodes = tuple(
            replace(node, inputs=tuple(source(name) for name in node.inputs))
            for node in graph.nodes
            if node.name not in self.nodes
            or any(blocks.isdisjoint(dropped) for blocks in self.nodes[node.name])
        )
        return Graph(graph.inputs, nodes, graph.outputs)

    def bypass(self, dropped: Mapping[str, BoolArray]) -> Bypass:
        """Return what is gone where.

        Args:
            dropped: By block, ``[n]``; it stays where it is not named.
        """
        if not dropped:
            return WHOLE
        never = np.zeros_like(next(iter(dropped.values())))
        gone = {block.name: dropped.get(block.name, never) for block in self.blocks}
        known: dict[Needs, BoolArray] = {}

        def there(needs: Needs) -> BoolArray:
            if needs not in known:
                known[needs] = _any([~_any([gone[name] for name in each]) for each in needs])
            return known[needs]

        ends: dict[str, tuple[str, BoolArray]] = {}
        alone: dict[str, BoolArray] = {}
        for end, steps in self.fusions.items():
            for step, node in steps:
                here = reduce(np.logical_and, [gone[block.name] for block in step.gone])
                if step.stays is not None:
                    here = here & ~gone[step.stays.name]
                if node is not None:
                    ends[node] = (end, here)
                    continue
                here = here & there(self.nodes[end]) if end in self.nodes else here
                alone[end] = alone[end] | here if end in alone else here
        return Bypass(
            present={name: there(needs) for name, needs in self.nodes.items()},
            lives={name: there(needs) for name, needs in self.activations.items()},
            skips={block.output: (block.skip, gone[block.name]) for block in self.blocks},
            ends=ends,
            alone=alone,
        )


def find_absence(graph: Graph, blocks: Sequence[Block]) -> Absence:
    """Return what hangs on the blocks of a graph."""
    nodes = _needs(graph, around(blocks))
    activations = dict(nodes)
    for block in blocks:
        (needed,) = nodes[block.output]
        del activations[block.output]
        if others := needed - {block.name}:
            activations[block.output] = frozenset({others})
    return Absence(tuple(blocks), nodes, activations, _fusions(graph, blocks))


def _needs(graph: Graph, blocks_of: Mapping[str, frozenset[str]]) -> dict[str, Needs]:
    """Return what each node needs; what no picture changes is there while anyone reads it."""
    needs: dict[str, Needs] = {name: frozenset({blocks}) for name, blocks in blocks_of.items()}
    consumers, changing = graph.consumers(), varying(graph)
    for node in reversed(graph.nodes):
        readers = consumers[node.name]
        constant = node.name not in changing
        if constant and readers and all(reader.name in needs for reader in readers):
            needs[node.name] = frozenset().union(*(needs[reader.name] for reader in readers))
    return needs


def _fusions(
    graph: Graph, blocks: Sequence[Block]
) -> dict[str, tuple[tuple[Step, str | None], ...]]:
    layer_of = {norm.name: layer for layer, norm in folded_norms(graph).items()}
    operators = {node.name: node.operator for node in graph.nodes}

    def fused_with(step: Step) -> str | None:
        node = layer_of.get(step.value, step.value) if step.value is not None else None
        return node if node is not None and operators.get(node) in TAKES_ACTIVATION else None

    return {
        node.name: tuple((step, fused_with(step)) for step in steps)
        for node in graph.nodes
        if node.operator in FUSED and (steps := steps_to(graph, blocks, node))
    }


def _any(flags: Sequence[BoolArray]) -> BoolArray:
    return settle(reduce(np.logical_or, flags))
