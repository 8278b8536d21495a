"""Another input size for a graph that counts positions: tables interpolated, numbers counted anew.

A table with a row for each position of a grid is resized bicubically, as in Dosovitskiy et al., "An
image is worth 16x16 words", 2021, section 3.2; rows in front of or behind the grid, those of class
tokens, stay as they are. Whatever else depends on the number of positions is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Graph, Node, SpecError
from tightfit.graph import Attribute
from tightfit.spaces.execution import OPERATIONS
from tightfit.spaces.shapes import Shape
from tightfit.spaces.tracing import BATCH, Traced

_MIX = frozenset({"matmul", "attention", "roll", "gather", "aten"})
"""Operators whose results may have the sides of what they read, but other positions."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Positions that lie along one axis, row by row.

    Attributes:
        before, after: Its height and width in the baseline and in the new size.
        front, behind: How many tokens that are no positions stand around it.
    """

    before: tuple[int, int]
    after: tuple[int, int]
    front: int = 0
    behind: int = 0


def resized(traced: Traced, shapes: Mapping[str, Shape], input_shape: Shape) -> Traced:
    """Return a network for inputs of another shape.

    Args:
        traced: The baseline; left as it is.
        shapes: Of its activations.
        input_shape: The new one, ``(C, H, W)``.

    Raises:
        SpecError: A node reads every position in a way of its own; the message names it.
    """
    resizer = _Resizer(traced, shapes)
    graph = traced.graph
    resizer.values[graph.inputs[0]] = torch.empty(BATCH, *input_shape, device="meta")
    nodes = []
    for node in graph.nodes:
        try:
            nodes.append(resizer.node(node))
        except (RuntimeError, ValueError, IndexError) as error:
            raise SpecError(f"{node.name!r} ({node.operator}) counts positions: {error}") from error
    return Traced(
        Graph(graph.inputs, tuple(nodes), graph.outputs),
        resizer.tensors,
        traced.trainable,
        input_shape,
    )


class _Resizer:
    def __init__(self, traced: Traced, shapes: Mapping[str, Shape]) -> None:
        self._traced = traced
        self._old = shapes
        self._parameters = {
            node.name: node.parameters["value"]
            for node in traced.graph.nodes
            if node.operator == "parameter"
        }
        self._grids: dict[tuple[str, int], Grid] = {}
        """By value and axis."""
        self._pictures: dict[str, tuple[int, int]] = {traced.graph.inputs[0]: (2, 3)}
        """By value, the axes of its rows and columns."""
        self.tensors = dict(traced.tensors)
        self.values: dict[str, Tensor] = {}

    def node(self, node: Node) -> Node:
        """Return a node as it is in the new size, and note what it gives."""
        changes: dict[str, Attribute] = {}
        if node.operator == "reshape":
            changes["shape"] = self._reshaped(node)
        elif node.operator == "slice":
            changes |= self._sliced(node)
        elif node.operator == "add" and len(node.inputs) == 2:
            self._resize_table(node)
        node = replace(node, attributes={**node.attributes, **changes}) if changes else node
        self.values[node.name] = self._result(node)
        self._follow(node)
        return node

    def _result(self, node: Node) -> Tensor:
        read = [self.values[name] for name in node.inputs]
        if node.operator in ("batch_norm", "dropout"):
            return read[0]
        tensors = {role: self.tensors[name].to("meta") for role, name in node.parameters.items()}
        return OPERATIONS[node.operator](read, {"bias": None, **tensors}, node.attributes)

    def _sides(self, name: str) -> list[tuple[int, int]]:
        """Return every side of a value before and after."""
        return list(zip(self._old[name], self.values[name].shape, strict=True))

    def _reshaped(self, node: Node) -> tuple[int, ...]:
        """Return the numbers of a reshape: a run of axes that is joined or cut keeps its total."""
        sides = self._sides(node.inputs[0])
        target = list(self._old[node.name])
        for inner, outer in _runs([old for old, _ in sides], target):
            total = 1
            for axis in inner:
                total *= sides[axis][1]
            if total == math.prod(target[axis] for axis in outer):
                continue
            free = [axis for axis in outer if target[axis] > 1 and target[axis] % BATCH]
            stay = math.prod(target[axis] for axis in outer if axis not in free)
            if len(outer) == 1:
                free, stay = list(outer), 1
            if len(free) != 1 or total % stay:
                cut = "x".join(str(target[axis]) for axis in outer)
                raise ValueError(f"it cuts {math.prod(target[a] for a in outer)} into {cut}")
            target[free[0]] = total // stay
        written = node.integers("shape")
        return tuple(new if side > 0 else side for side, new in zip(written, target, strict=True))

    def _sliced(self, node: Node) -> dict[str, Attribute]:
        """Return the limits of a slice: it takes tokens that are no positions, or leaves them."""
        axis, start, end = (node.integer(name) for name in ("axis", "start", "end"))
        before, after = self._sides(node.inputs[0])[axis]
        if before == after or end <= self._tokens:
            return {}
        if end == before and start <= self._tokens and node.integer("step", 1) == 1:
            return {"end": after}
        raise ValueError(f"it takes {start}..{end} of {before}")

    @property
    def _tokens(self) -> int:
        """How many tokens stand in front of the positions."""
        return max((grid.front for grid in self._grids.values()), default=0)

    def _resize_table(self, node: Node) -> None:
        """Bring a table that is added to every picture's positions to their new number."""
        for table, value in (node.inputs, node.inputs[::-1]):
            name = self._parameters.get(table)
            if name is None or value in self._parameters:
                continue
            tensor, sides = self.tensors[name], self._sides(value)[-self.tensors[name].dim() :]
            if len(sides) < tensor.dim():
                return
            changed = [
                axis
                for axis, (side, (before, after)) in enumerate(
                    zip(tensor.shape, sides, strict=True)
                )
                if side > 1 and side == before != after
            ]
            if not changed:
                return
            self.tensors[name] = self._table(node, value, name, changed)
            self.values[table] = self.tensors[name].to("meta")
            return

    def _table(self, node: Node, value: str, name: str, changed: list[int]) -> Tensor:
        """Return a table with as many rows as there are positions."""
        tensor, sides = self.tensors[name], self._sides(value)
        skipped = len(sides) - tensor.dim()
        axes = tuple(axis + skipped for axis in changed)
        graph = self._traced.graph
        reading = [each for each in graph.nodes if name in each.parameters.values()]
        once = len(reading) == 1 and graph.consumers()[reading[0].name] == [node]
        if once and name in self._traced.trainable and axes == self._pictures.get(value):
            before, after = ((sides[axes[0]][i], sides[axes[1]][i]) for i in (0, 1))
            flat = _interpolated(tensor.flatten(*changed), changed[0], Grid(before, after))
            return flat.reshape(
                *tensor.shape[: changed[0]], *after, *tensor.shape[changed[1] + 1 :]
            )
        grid = self._grids.get((value, axes[0])) if len(axes) == 1 else None
        if once and name in self._traced.trainable and grid is not None:
            return _interpolated(tensor, changed[0], grid)
        rows = "x".join(str(tensor.shape[axis]) for axis in changed)
        raise ValueError(
            f"the table {name!r} has {rows} rows, and is no parameter with one row for each "
            "position of a grid that is added once"
        )

    def _follow(self, node: Node) -> None:
        """Note where the rows and columns of the picture are in a node's result."""
        if node.operator in ("reshape", "flatten"):
            self._flattened(node)
            return
        picture = self._pictures.get(node.inputs[0]) if node.inputs else None
        if picture is not None and node.operator not in ("matmul", "attention", "aten"):
            if node.operator == "permute":
                axes = node.integers("axes")
                picture = (axes.index(picture[0]), axes.index(picture[1]))
            self._pictures[node.name] = picture
        for (name, axis), grid in list(self._grids.items()):
            if name not in node.inputs:
                continue
            if node.operator == "permute":
                self._grids[node.name, node.integers("axes").index(axis)] = grid
            elif node.operator == "cat" and axis == node.integer("axis"):
                self._grids[node.name, axis] = self._joined(node, name, grid)
            elif self._old[name] == self._old[node.name] and node.operator not in _MIX:
                self._grids[node.name, axis] = grid

    def _flattened(self, node: Node) -> None:
        source = node.inputs[0]
        sides = self._sides(source)
        for inner, outer in _runs([old for old, _ in sides], self._old[node.name]):
            long = tuple(axis for axis in inner if sides[axis][0] > 1)
            if len(outer) != 1:
                continue
            if long == self._pictures.get(source):
                (height, new_height), (width, new_width) = (sides[axis] for axis in long)
                self._grids[node.name, outer[0]] = Grid((height, width), (new_height, new_width))
            elif len(long) == 1 and (source, long[0]) in self._grids:
                self._grids[node.name, outer[0]] = self._grids[source, long[0]]

    def _joined(self, node: Node, name: str, grid: Grid) -> Grid:
        """Return a grid with the tokens that a concatenation puts around it."""
        at, axis = node.inputs.index(name), node.integer("axis")
        front = sum(self._old[each][axis] for each in node.inputs[:at])
        behind = sum(self._old[each][axis] for each in node.inputs[at + 1 :])
        return replace(grid, front=grid.front + front, behind=grid.behind + behind)


def _runs(inner: list[int], outer: list[int] | Shape) -> list[tuple[list[int], list[int]]]:
    """Return the shortest runs of axes of equal products, in order."""
    runs: list[tuple[list[int], list[int]]] = []
    i = o = 0
    while i < len(inner) or o < len(outer):
        taken, given = [i] if i < len(inner) else [], [o] if o < len(outer) else []
        i, o = i + len(taken), o + len(given)
        while (before := math.prod(inner[a] for a in taken)) != (
            after := math.prod(outer[a] for a in given)
        ):
            if before < after:
                taken.append(i)
                i += 1
            else:
                given.append(o)
                o += 1
        runs.append((taken, given))
    return runs


def _interpolated(table: Tensor, axis: int, grid: Grid) -> Tensor:
    """Return a table whose rows along an axis are those of the new grid.

    The kernel widens where the grid shrinks, so that no row is passed over.
    """
    rows = table.movedim(axis, -1)
    size = grid.before[0] * grid.before[1]
    front, places = rows[..., : grid.front], rows[..., grid.front : grid.front + size]
    behind = rows[..., grid.front + size :]
    picture = places.reshape(1, -1, *grid.before).float()
    scaled = F.interpolate(picture, grid.after, mode="bicubic", antialias=True)
    resized = scaled.to(table.dtype).reshape(*places.shape[:-1], -1)
    return torch.cat([front, resized, behind], dim=-1).movedim(-1, axis).contiguous()
