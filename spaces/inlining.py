"""Parts of an exported program that run under another mode of torch, put in their place."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

_SCOPES = (torch.ops.higher_order.wrap_with_set_grad_enabled,)
"""Operators that run a graph of their own: ``(mode, graph, *inputs)``, a tuple of outputs."""


def inlined(program: Any) -> Any:
    """Return a program whose parts under `torch.no_grad` are parts like the others."""
    if _inline(program.graph_module):
        program.graph_module.recompile()
    return program


def _inline(module: fx.GraphModule) -> bool:
    """Replace every scope of a graph by what is in it, and say whether there was any."""
    scopes = [node for node in module.graph.nodes if node.target in _SCOPES]
    for scope in scopes:
        holder = scope.args[1]
        assert isinstance(holder, fx.Node)
        part = module.get_submodule(str(holder.target))
        assert isinstance(part, fx.GraphModule)
        _inline(part)
        given = (node for node in part.graph.nodes if node.op == "placeholder")
        places = dict(zip(given, scope.args[2:], strict=True))
        with module.graph.inserting_before(scope):
            results = module.graph.graph_copy(part.graph, places)
        assert isinstance(results, tuple)
        for reader in list(scope.users):
            assert reader.target is operator.getitem
            reader.replace_all_uses_with(results[reader.args[1]])
            module.graph.erase_node(reader)
        module.graph.erase_node(scope)
    return bool(scopes)
