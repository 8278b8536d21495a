"""Where torch computes, and how precisely."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tightfit import SpecError


@dataclass(frozen=True, slots=True)
class Precision:
    """A device, and whether matrix products are computed in bfloat16.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        bfloat16: Whether autocast is on.
    """

    device: str
    bfloat16: bool

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes run."""
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.device, torch.bfloat16)

    def place(self, model: nn.Module) -> nn.Module:
        """Return the model on the device; pictures' weights in channels-last order."""
        return model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def inputs(self, inputs: Tensor) -> Tensor:
        """Return inputs on the device; pictures ``[n, C, H, W]`` in channels-last order."""
        if inputs.dim() == 4:
            return inputs.to(self.device, memory_format=torch.channels_last)
        return inputs.to(self.device)


def choose_precision(device: str) -> Precision:
    """Return where to train.

    Args:
        device: ``auto`` takes cuda, then mps, then cpu.

    Raises:
        SpecError: The device is not there.
    """
    found = _available()
    if device == "auto":
        device = found[0]
    if device not in found:
        raise SpecError(
            f"'training.device' is {device!r}, but this machine has {', '.join(found)}; "
            "write 'auto'"
        )
    if device == "cpu":
        return Precision("cpu", torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return Precision(device, device == "cuda" and torch.cuda.is_bf16_supported())


def _available() -> list[str]:
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    if torch.cuda.is_available():
        found.insert(0, "cuda")
    return found
