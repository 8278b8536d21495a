"""The nodes of a network, ready to run, and the modules that hold their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn

from tightfit import WEIGHT_OPERATORS, Graph, Node
from tightfit.fusion import Rounding, rounding_behind
from tightfit.spaces.activation_grid import Grid
from tightfit.spaces.execution import OPERATIONS
from tightfit.spaces.folding import folded_norms, folded_parameters, grids

Owned: TypeAlias = tuple[str, dict[str, Any], str]
"""A tensor's role, the dictionary that holds it, and its key there."""

OTHER_IN_FILES = frozenset({"add", "adaptive_avg_pool", "mean", "hardsigmoid", "hardswish"})
"""Operators that the files of quantized networks may compute in another way than training does."""

OwnedGrid: TypeAlias = tuple[Owned, ...]
"""Scale and zero point, or nothing where an activation is on no grid."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node, ready to run.

    What a file folds into a quantized layer is in ``folded``, by the roles of
    :func:`tightfit.spaces.folding.folded_parameters`, and ``norm``. Of quantized networks there are
    the grids that the inputs are on, and the rounding that alone reads what the node gives.

    Tensors are looked up in the dictionaries of the modules that own them, so that moving the
    network to another device, or loading a state, is seen.
    """

    node: Node
    operation: Any
    tensors: tuple[Owned, ...]
    last_use_of: tuple[str, ...]
    folded: tuple[Owned, ...] = ()
    norm: Node | None = None
    input_grids: tuple[OwnedGrid, ...] = ()
    rounding: Rounding | None = None
    rounding_grid: OwnedGrid = ()

    @property
    def limit(self) -> int:
        """The largest code of quantized weights, 0 where they are floats."""
        return self.node.integer("weight_limit")

    @property
    def other_in_file(self) -> bool:
        """Whether the file of a quantized network may compute the node in another way."""
        return self.limit > 0 or self.node.operator in OTHER_IN_FILES

    @property
    def rate(self) -> float:
        """Momentum of a batch norm, rate of a dropout."""
        return self.node.number("momentum" if self.node.operator == "batch_norm" else "rate")

    @property
    def eps(self) -> float:
        return self.node.number("eps")

    def operands(self) -> dict[str, Any]:
        """Return the tensors of ``tensors`` by role."""
        return _held(self.tensors)

    def folded_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of ``folded`` by role."""
        return _held(self.folded)

    def grids(self) -> tuple[Grid | None, ...]:
        """Return the grid that each input is on, ``None`` for real numbers."""
        return tuple(map(_grid, self.input_grids))

    def target(self) -> Grid | None:
        """Return the grid that the node's result is rounded to, if at once.

        Not where an activation in between cuts off values that the grid has.
        """
        grid = _grid(self.rounding_grid)
        if self.rounding is None or self.rounding.activation is None or grid is None:
            return grid
        vanishes = self.rounding.vanishes(float(grid.scale), int(grid.zero_point))
        return grid if vanishes else None


def compiled(graph: Graph, root: nn.Module) -> list[Step]:
    """Return a graph's nodes, ready to run on the tensors of a module.

    Args:
        graph: Its names are those of the module's tensors.
        root: Holds them.
    """
    norms, sources, on_grid = folded_norms(graph), folded_parameters(graph), grids(graph)
    consumers, freed = graph.consumers(), _freed(graph)
    steps = []
    for node in graph.nodes:
        end = norms.get(node.name, node)
        rounding = rounding_behind(end.name, graph, consumers)
        steps.append(
            Step(
                node=node,
                operation=OPERATIONS.get(node.operator),
                tensors=_operands(root, node),
                last_use_of=tuple(freed.get(node.name, ())),
                folded=_owned(root, sources[node.name]) if node.integer("weight_limit") else (),
                norm=norms.get(node.name),
                input_grids=tuple(_owned_grid(root, on_grid.get(name)) for name in node.inputs),
                rounding=rounding,
                rounding_grid=_owned_grid(root, rounding.quantize if rounding else None),
            )
        )
    return steps


def _freed(graph: Graph) -> dict[str, list[str]]:
    """Return by node the activations that it is the last to read."""
    last = {name: node.name for node in graph.nodes for name in node.inputs}
    freed: dict[str, list[str]] = {}
    for name, reader in last.items():
        if name not in graph.outputs:
            freed.setdefault(reader, []).append(name)
    return freed


def _operands(root: nn.Module, node: Node) -> tuple[Owned, ...]:
    owners = _owned(root, node.parameters)
    if node.operator in WEIGHT_OPERATORS and "bias" not in node.parameters:
        owners = (*owners, ("bias", {"": None}, ""))
    return owners


def _owned(root: nn.Module, names: Mapping[str, str]) -> tuple[Owned, ...]:
    return tuple((role, *owner_of(root, name)) for role, name in names.items())


def _owned_grid(root: nn.Module, quantize: Node | None) -> OwnedGrid:
    return () if quantize is None else _owned(root, quantize.parameters)


def _held(owned: tuple[Owned, ...]) -> dict[str, Any]:
    return {role: owner[leaf] for role, owner, leaf in owned}


def _grid(owned: OwnedGrid) -> Grid | None:
    if not owned:
        return None
    tensors = _held(owned)
    return Grid(tensors["scale"].float(), tensors["zero_point"])


def hold(root: nn.Module, name: str, tensor: Tensor) -> None:
    """Register a tensor under its name, ``nn.Parameter`` as what it is, others as buffers.

    Torch refuses names of a module's own attributes. A model's parts may have them, and here
    nothing is looked up as an attribute.
    """
    module, leaf = holder(root, name)
    held: dict[str, Any] = (
        module._parameters if isinstance(tensor, nn.Parameter) else module._buffers
    )
    held[leaf] = tensor


def owner_of(root: nn.Module, name: str) -> tuple[dict[str, Any], str]:
    """Return the dictionary that holds a tensor, and its key there."""
    module, leaf = holder(root, name)
    parameters: dict[str, Any] = module._parameters
    return (parameters if leaf in parameters else module._buffers), leaf


def holder(root: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the nested module that holds a tensor, made when it is not there, and its leaf."""
    *path, leaf = name.split(".")
    module = root
    for part in path:
        if part not in module._modules:
            module._modules[part] = nn.Module()
        module = module._modules[part]  # type: ignore[assignment]
    return module, leaf
