"""Errors that say that memory has run out."""

from __future__ import annotations

import torch

_OF_PROCESSOR = "DefaultCPUAllocator"
"""In the text of the plain ``RuntimeError`` with which torch says it where tensors lie in RAM."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of this machine or of an accelerator: a fault of what was built."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _OF_PROCESSOR in str(error)
