"""Residual blocks: branches of a graph that only add to what they read, and so can be dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from tightfit import Graph, Node
from tightfit.spaces.folding import foldable
from tightfit.spaces.quantization import origins
from tightfit.spaces.shapes import Shape
from tightfit.spaces.sites import Layer

_IDEMPOTENT = frozenset({"relu", "clip"})
"""Activations that leave what went through them, or through a maximum of it, as it is."""


@dataclass(frozen=True, slots=True)
class Block:
    """A sum of what a branch reads and what it gives.

    Attributes:
        name: The longest path that the modules of its layers have in common.
        stage: Of its first layer.
        layers: Names of its layers with weights, in execution order.
        nodes: Names of all that goes with it: the branch, the sum, and the activation behind the
            sum where the skip went through the same one already and it would change nothing more.
        skip: The value that it reads, and that its readers read when it is dropped.
        branch: The value that it adds to the skip.
        output: Of its last node.
    """

    name: str
    stage: str
    layers: tuple[str, ...]
    nodes: frozenset[str]
    skip: str
    branch: str
    output: str


def find_blocks(
    graph: Graph, layers: Sequence[Layer], shapes: Sequence[Mapping[str, Shape]]
) -> tuple[Block, ...]:
    """Return the residual blocks of a graph, outer ones before those within them.

    A block that the network's output or another node's parameters hang on stays, and so does one
    whose skip is read again behind it. What a norm behind several blocks normalizes must not
    become a layer into which it is folded: the block before such a norm stays as well.

    Args:
        graph: Of the baseline.
        layers: Its layers with weights.
        shapes: Of every activation, for each choice of the input size.
    """
    by_name = {layer.name: layer for layer in layers}
    finder = _Finder(graph, by_name, shapes)
    blocks = [block for node in graph.nodes if (block := finder.block(node)) is not None]
    blocks = _without_folds(graph, blocks)
    dropped = {name for block in blocks for name in block.layers}
    if blocks and dropped >= {*by_name}:
        blocks.pop()  # a network without weights cannot be trained
    first = {node.name: position for position, node in enumerate(graph.nodes)}
    blocks.sort(key=lambda block: (min(first[name] for name in block.nodes), -len(block.nodes)))
    return tuple(_named(blocks, by_name))


def varying(graph: Graph) -> set[str]:
    """Return the names of values that differ from picture to picture."""
    found = set(graph.inputs)
    for node in graph.nodes:
        if not found.isdisjoint(node.inputs):
            found.add(node.name)
    return found


def around(blocks: Sequence[Block]) -> dict[str, frozenset[str]]:
    """Return by node the names of the blocks that it goes with."""
    found: dict[str, frozenset[str]] = {}
    for block in blocks:
        for name in block.nodes:
            found[name] = found.get(name, frozenset()) | {block.name}
    return found


@dataclass(frozen=True, slots=True)
class Step:
    """A value that a node reads when some blocks are dropped.

    Attributes:
        value: What it reads, ``None`` where others read that as well.
        gone: The blocks behind that value, the nearest to the reader first.
        stays: The block that gives the value, ``None`` where no block does.
    """

    value: str | None
    gone: tuple[Block, ...]
    stays: Block | None


def steps_to(graph: Graph, blocks: Sequence[Block], reader: Node) -> list[Step]:
    """Return the values that a node may be the only reader of because blocks are dropped.

    A value with readers beside the block that it enters has them still when the block is gone.
    """
    consumers = graph.consumers()
    outputs = {block.output: block for block in blocks}
    found: list[Step] = []
    value, gone = reader.inputs[0], tuple[Block, ...]()
    alone = len(consumers[value]) == 1
    while alone and value in outputs:
        block = outputs[value]
        value, gone = block.skip, (*gone, block)
        alone = all(node.name in block.nodes for node in consumers[value])
        stays = outputs.get(value) if alone else None
        found.append(Step(value if alone else None, gone, stays))
    return found


@dataclass(slots=True)
class _Finder:
    graph: Graph
    layers: Mapping[str, Layer]
    shapes: Sequence[Mapping[str, Shape]]
    nodes: dict[str, Node] = field(init=False)
    position: dict[str, int] = field(init=False)
    consumers: dict[str, list[Node]] = field(init=False)
    origin: dict[str, str] = field(init=False)
    varying: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = {node.name: node for node in self.graph.nodes}
        self.position = dict.fromkeys(self.graph.inputs, -1)
        self.position |= {node.name: at for at, node in enumerate(self.graph.nodes)}
        self.consumers = self.graph.consumers()
        self.origin = origins(self.graph)
        self.varying = varying(self.graph)

    def block(self, node: Node) -> Block | None:
        """Return the block that ends in a sum, ``None`` where it is no residual one."""
        if node.operator != "add" or len(node.inputs) != 2:
            return None
        for skip, branch in (node.inputs, node.inputs[::-1]):
            same = all(each[skip] == each[branch] == each[node.name] for each in self.shapes)
            region = self._region(node, skip, branch) if same and skip in self.varying else None
            if region is not None:
                return self._checked(node, skip, branch, region)
        return None

    def _region(self, end: Node, skip: str, branch: str) -> set[str] | None:
        """Return the nodes between skip and sum, ``None`` where they reach around the skip."""
        region: set[str] = set()
        waiting = [branch]
        while waiting:
            name = waiting.pop()
            if name == skip or name in region or name not in self.varying:
                continue
            if self.position[name] < self.position[skip]:
                return None
            region.add(name)
            waiting += self.nodes[name].inputs
        for node in reversed(self.graph.nodes):
            readers = self.consumers[node.name]
            if node.name not in self.varying and readers and self._within(readers, region):
                region.add(node.name)
        if all(self._within(self.consumers[name], region | {end.name}) for name in region):
            return region
        return None

    def _within(self, readers: Sequence[Node], region: set[str]) -> bool:
        return all(node.name in region for node in readers)

    def _checked(self, end: Node, skip: str, branch: str, region: set[str]) -> Block | None:
        nodes = region | {end.name}
        output = end.name
        behind = self.consumers[end.name]
        if len(behind) == 1 and self._changes_nothing(behind[0], skip):
            output = behind[0].name
            nodes.add(output)
        layers = [self.layers[name] for name in self.nodes if name in region & {*self.layers}]
        results = {self.origin[name] for name in self.graph.outputs}
        if (
            all(layer.constant for layer in layers)
            or not results.isdisjoint({*nodes, self.origin[skip]})
            or self._shares_parameters(nodes)
            or self._read_later(skip, nodes, output)
        ):
            return None
        names = tuple(layer.name for layer in layers)
        return Block("", layers[0].stage, names, frozenset(nodes), skip, branch, output)

    def _changes_nothing(self, node: Node, skip: str) -> bool:
        before = self.nodes.get(self.origin[skip])
        return (
            node.operator in _IDEMPOTENT
            and before is not None
            and (before.operator, before.attributes) == (node.operator, node.attributes)
        )

    def _shares_parameters(self, nodes: set[str]) -> bool:
        inside = {name for each in nodes for name in self.nodes[each].parameters.values()}
        return any(
            not inside.isdisjoint(node.parameters.values())
            for node in self.graph.nodes
            if node.name not in nodes
        )

    def _read_later(self, skip: str, nodes: set[str], output: str) -> bool:
        """Whether the memory of the skip is read behind the block by others than its readers."""
        source = skip
        while self.nodes.get(source) is not None and self.nodes[source].operator == "dropout":
            source = self.nodes[source].inputs[0]
        waiting = [source]
        while waiting:
            for reader in self.consumers[waiting.pop()]:
                if reader.operator == "dropout":
                    waiting.append(reader.name)
                if reader.name not in nodes and self.position[reader.name] > self.position[output]:
                    return True
        return False


def _without_folds(graph: Graph, blocks: list[Block]) -> list[Block]:
    """Leave out the block before a norm that could be folded if this block and others went."""
    nodes = {node.name: node for node in graph.nodes}
    for node in graph.nodes:
        if node.operator == "batch_norm":
            steps = steps_to(graph, blocks, node)
            given = [nodes[step.value] for step in steps if step.value in nodes]
            if any(foldable(each, node) for each in given):
                blocks = [block for block in blocks if block != steps[0].gone[0]]
    return blocks


def _named(blocks: Sequence[Block], layers: Mapping[str, Layer]) -> list[Block]:
    """Name blocks by what their modules share, those of one path by their first layer."""
    paths = [
        _shared_path([layers[name].node for name in block.layers]) or block.layers[0]
        for block in blocks
    ]
    found: dict[str, Block] = {}
    for block, path in zip(blocks, paths, strict=True):
        base = path if paths.count(path) == 1 else block.layers[0]
        name, count = base, 1
        while name in found:
            count += 1
            name = f"{base}.{count}"
        found[name] = replace(block, name=name)
    return list(found.values())


def _shared_path(layers: Sequence[Node]) -> str:
    owners = [layer.parameters["weight"].split(".")[:-1] for layer in layers]
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*owners, strict=False))
    return ".".join(parts[0] for parts in same)
