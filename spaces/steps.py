"""The nodes of a network, ready to run, and the modules that hold their tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import nn

from tightfit import Node
from tightfit.spaces.folding import output_axis

Owned: TypeAlias = tuple[str, dict[str, Any], str]
"""A tensor's role, the dictionary that holds it, and its key there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node, ready to run.

    What a file folds into a quantized layer is in ``folded``, by the roles of
    :func:`tightfit.spaces.folding.folded_parameters`, and ``norm``.

    Tensors are looked up in the dictionaries of the modules that own them, so that moving the
    network to another device, or loading a state, is seen.
    """

    node: Node
    operation: Any
    tensors: tuple[Owned, ...]
    last_use_of: tuple[str, ...]
    folded: tuple[Owned, ...] = ()
    norm: Node | None = None

    @property
    def axis(self) -> int:
        return output_axis(self.node)

    @property
    def limit(self) -> int:
        """The largest code of quantized weights, 0 where they are floats."""
        return self.node.integer("weight_limit")

    @property
    def rate(self) -> float:
        """Momentum of a batch norm, rate of a dropout."""
        return self.node.number("momentum" if self.node.operator == "batch_norm" else "rate")

    @property
    def eps(self) -> float:
        return self.node.number("eps")


def holder(root: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the nested module that holds a tensor, made when it is not there, and its leaf."""
    *path, leaf = name.split(".")
    module = root
    for part in path:
        if part not in module._modules:
            module.add_module(part, nn.Module())
        module = module._modules[part]  # type: ignore[assignment]
    return module, leaf
