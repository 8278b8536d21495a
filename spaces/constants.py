"""What a network computes from no input and no parameter: masks, tables of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

_LARGEST = 100_000_000
"""Numbers of a constant that are worth computing while a network is traced."""

_OF_A_SHAPE = ("zero", "zeros_like", "ones_like", "full_like")
"""Operators that read only the shape and the type of their first argument."""


class Constants:
    """The constants of one exported program.

    Attributes:
        values: By exported name.
        kept: Those that the graph reads, under names of their own.

    Args:
        program: Of :func:`torch.export.export`.
        names: By exported name, the names of parameters and buffers in the state dict.
    """

    def __init__(self, program: Any, names: Mapping[str, str]) -> None:
        state = {**program.state_dict, **program.constants}
        trained = program.graph_signature.inputs_to_parameters
        self.values: dict[str, Any] = {
            name: state[kept].detach().clone()
            for name, kept in names.items()
            if name not in trained
        }
        self.kept: dict[str, Tensor] = {}

    def compute(self, node: fx.Node) -> bool:
        """Compute a node now if it depends on constants alone, and say whether it does."""
        result, base = node.meta.get("val"), str(node.target).removeprefix("aten.").split(".")[0]
        if isinstance(result, Tensor) and result.numel() > _LARGEST:
            return False
        reads = list(node.all_input_nodes)
        args: Any = node.args
        if base.startswith("new_") or base in _OF_A_SHAPE:
            first = reads.pop(0).meta["val"]
            shape = tuple(first.shape) if base in _OF_A_SHAPE else ()
            args = (torch.empty(shape, dtype=first.dtype), *args[1:])
        if not all(each.name in self.values for each in reads):
            return False
        args, kwargs = (
            fx.map_arg(part, lambda each: self.values[each.name]) for part in (args, node.kwargs)
        )
        assert callable(node.target)
        self.values[node.name] = node.target(*args, **kwargs)
        return True

    def keep(self, path: str, tensor: Tensor) -> str:
        """Keep a constant for the graph and return its name."""
        name = ".".join(filter(None, (path, f"constant{len(self.kept)}")))
        kept = tensor.detach().clone()
        self.kept[name] = kept.float() if kept.is_floating_point() else kept
        return name
