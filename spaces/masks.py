"""Indices by a constant mask of truth values, written as indices by numbers.

How many a mask takes is not known where only shapes are; of a mask that a model keeps it is known
before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class NumbersForMasks(TorchFunctionMode):
    """Let an index by a buffer of truth values take the positions that are true in it.

    Args:
        module: Its buffers have other tensors in their place while it is traced, by the same names.

    Attributes:
        computed: Whether an index had a mask that is none of the buffers.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.computed = False
        self._module = module
        self._numbers = {
            name: [each.tolist() for each in buffer.nonzero(as_tuple=True)]
            for name, buffer in module.named_buffers()
            if buffer.dtype == torch.bool
        }

    def __torch_function__(
        self,
        func: Callable[..., Any],
        _types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch's, with numbers where it takes by a known mask."""
        if func is Tensor.__getitem__:
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            args = (args[0], tuple(part for each in index for part in self._numbered(each)))
        return func(*args, **(kwargs or {}))

    def _numbered(self, index: Any) -> Sequence[Any]:
        """Return what stands for one part of an index."""
        if not isinstance(index, Tensor) or index.dtype != torch.bool:
            return (index,)
        for name, buffer in self._module.named_buffers():
            if buffer is index and name in self._numbers:
                return [torch.tensor(each) for each in self._numbers[name]]
        self.computed = True
        return (index,)
