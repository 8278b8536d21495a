"""Reads the nodes of an exported program: what each is called, reads and gives, and where it is."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from tightfit.spaces.places import place


def name_of(node: fx.Node) -> str:
    """Return an operator's name without its overload: ``aten.add_.Tensor`` is ``add_``."""
    target = str(node.target)
    if not isinstance(node.target, torch._ops.OpOverload):
        target = getattr(node.target, "__name__", target)
    return target.split(".")[1] if target.startswith("aten.") else target


def base_of(node: fx.Node) -> str:
    """Return an operator's name without the mark of what works in place."""
    return name_of(node).rstrip("_")


def is_plain(node: fx.Node) -> bool:
    """Whether a node calls one of torch's operators, not a function that takes or runs others."""
    return isinstance(node.target, torch._ops.OpOverload) or node.target is operator.getitem


def is_written(node: fx.Node) -> bool:
    """Whether an operator writes into what it reads."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def functional(node: fx.Node) -> str | None:
    """Return the whole name of an operator that gives the same and writes into nothing.

    It is ``None`` where there is none.
    """
    if not isinstance(node.target, torch._ops.OpOverload) or not is_written(node):
        return str(node.target)
    packet = getattr(getattr(torch.ops, node.target.namespace), base_of(node), None)
    found = getattr(packet, node.target._overloadname, None)
    return str(found) if found is not None and not found._schema.is_mutable else None


def arguments_of(node: fx.Node) -> list[Any]:
    """Return all arguments by position, defaults filled in."""
    args = list(node.args)
    if isinstance(node.target, torch._ops.OpOverload):
        for argument in node.target._schema.arguments[len(args) :]:
            args.append(node.kwargs.get(argument.name, argument.default_value))
    return args


def shape_of(value: Any) -> tuple[int, ...]:
    """Return a value's shape for `BATCH` pictures."""
    return tuple(value.meta["val"].shape)


def path_of(node: fx.Node) -> str:
    """Return the path of the module that calls an operator; empty for the model itself."""
    return _module(node)[0]


def where(node: fx.Node) -> str:
    """Return how messages name the module that calls an operator."""
    return place(*_module(node))


def _module(node: fx.Node) -> tuple[str, str]:
    stack = node.meta.get("nn_module_stack") or {}
    found, kind = next(reversed(stack.values()), ("", ""))
    name = kind.__name__ if isinstance(kind, type) else str(kind)
    return str(found), name.rpartition(".")[2]


def broadcasts(node: fx.Node) -> bool:
    """Whether a node only repeats what its readers repeat by themselves."""
    return base_of(node) in ("expand", "expand_as") and all(
        base_of(reader) in ("add", "sub", "mul", "div")
        and any(
            each is not node and each.meta["val"].shape == node.meta["val"].shape
            for each in reader.all_input_nodes
        )
        for reader in node.users
    )
