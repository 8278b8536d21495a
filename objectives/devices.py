"""Where torch computes, and how precisely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tightfit import Graph, SpecError


@dataclass(frozen=True, slots=True)
class Precision:
    """A device, and whether matrix products are computed in bfloat16.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        bfloat16: Whether autocast is on.
        float32_attention: Whether attention stays in float32 then.
    """

    device: str
    bfloat16: bool
    float32_attention: bool = False

    def suited(self, model: nn.Module) -> Precision:
        """Return where and how precisely this network trains fastest.

        On CPUs torch has no fast bfloat16 code for convolutions in groups: a training step of
        MobileNetV3-small or ShuffleNetV2 takes twice the time that it takes in float32. The
        gradient of attention takes up to six times as long, half of a small transformer's step.
        The choice follows from the network alone, so that the same seed gives the same weights.
        """
        if self.device != "cpu" or not self.bfloat16:
            return self
        if _has_grouped_convolutions(model):
            return replace(self, bfloat16=False)
        return replace(self, float32_attention=_may_attend(model))

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes run."""
        if not self.bfloat16:
            return nullcontext()
        context = torch.autocast(self.device, torch.bfloat16)
        return _with_float32_attention(context) if self.float32_attention else context

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


@contextmanager
def _with_float32_attention(autocast: torch.autocast) -> Iterator[None]:
    with autocast, _Float32Attention():
        yield


class _Float32Attention(TorchFunctionMode):
    """Computes attention in float32 within an autocast on the CPU, whoever calls it."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Any,
        arguments: tuple[Any, ...] = (),
        options: Mapping[str, Any] | None = None,
    ) -> Any:
        options = options or {}
        if function is not F.scaled_dot_product_attention:
            return function(*arguments, **options)
        named = {name: _float32(each) for name, each in options.items()}
        with torch.autocast("cpu", enabled=False):
            return function(*map(_float32, arguments), **named)


def _float32(value: Any) -> Any:
    floats = isinstance(value, Tensor) and value.is_floating_point()
    return value.float() if floats else value


def _may_attend(model: nn.Module) -> bool:
    """Whether a network computes attention; of one that is not traced it cannot be told."""
    graph = getattr(model, "graph", None)
    return not isinstance(graph, Graph) or any(n.operator == "attention" for n in graph.nodes)


def _has_grouped_convolutions(model: nn.Module) -> bool:
    graph = getattr(model, "graph", None)
    if isinstance(graph, Graph):
        return any(node.integer("groups", 1) > 1 for node in graph.nodes)
    return any(isinstance(each, nn.Conv2d) and each.groups > 1 for each in model.modules())


def _available() -> list[str]:
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    if torch.cuda.is_available():
        found.insert(0, "cuda")
    return found
