"""Where torch computes, and how precisely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tightfit import Graph, SpecError

_BLOCK = 8
"""Channels that a vector of AVX2 holds."""


@runtime_checkable
class _HasTensors(Protocol):
    """A traced network, which says what tensors its graph names."""

    def tensor(self, name: str) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class Precision:
    """A device, and whether matrix products are computed in bfloat16.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        bfloat16: Whether autocast is on.
        float32_attention: Whether attention stays in float32 then.
        channels_last: Whether pictures and their weights are laid out so.
    """

    device: str
    bfloat16: bool
    float32_attention: bool = False
    channels_last: bool = True

    def suited(self, model: nn.Module) -> Precision:
        """Return where and how precisely this network trains fastest.

        On CPUs torch has no fast bfloat16 code for convolutions in groups: a training step of
        MobileNetV3-small or ShuffleNetV2 takes twice the time that it takes in float32. The
        gradient of attention takes up to six times as long, half of a small transformer's step.
        The choice follows from the network alone, so that the same seed gives the same weights.

        With channels last, the gradient of a convolution of one place that steps over places and
        reads fewer than eight channels writes beyond its memory (torch 2.14.1, oneDNN's
        ``jit_1x1:avx2``), and the process ends some time later. Other layouts have no such error.
        """
        if self.device != "cpu":
            return self
        sound = replace(self, channels_last=not _steps_over_few_channels(model))
        if not self.bfloat16:
            return sound
        if _has_grouped_convolutions(model):
            return replace(sound, bfloat16=False)
        return replace(sound, float32_attention=_may_attend(model))

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context in which forward passes run."""
        if not self.bfloat16:
            return nullcontext()
        context = torch.autocast(self.device, torch.bfloat16)
        return _with_float32_attention(context) if self.float32_attention else context

    def place(self, model: nn.Module) -> nn.Module:
        """Return the model on the device, its convolutions laid out as their pictures are."""
        return model.to(self.device, memory_format=self._layout)  # type: ignore[call-overload, no-any-return]

    def inputs(self, inputs: Tensor) -> Tensor:
        """Return inputs on the device; pictures ``[n, C, H, W]`` in the layout that is said."""
        if inputs.dim() == 4:
            return inputs.to(self.device, memory_format=self._layout)
        return inputs.to(self.device)

    @property
    def _layout(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format


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


def _steps_over_few_channels(model: nn.Module) -> bool:
    """Whether a convolution of one place has a stride and reads less than a block of channels."""
    return any(
        kernel == (1, 1) and max(stride) > 1 and channels < _BLOCK
        for kernel, stride, channels in _dense_convolutions(model)
    )


def _dense_convolutions(
    model: nn.Module,
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], int]]:
    """Yield kernel, stride and number of inputs of convolutions that are not in groups."""
    graph = getattr(model, "graph", None)
    if isinstance(graph, Graph) and isinstance(model, _HasTensors):
        for node in graph.nodes:
            if node.operator == "conv" and node.integer("groups", 1) == 1:
                shape = model.tensor(node.parameters["weight"]).shape
                yield tuple(shape[2:]), node.integers("stride"), shape[1]
    else:
        for each in model.modules():
            if isinstance(each, nn.Conv2d) and each.groups == 1:
                yield each.kernel_size, each.stride, each.in_channels


def _available() -> list[str]:
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.insert(0, "mps")
    if torch.cuda.is_available():
        found.insert(0, "cuda")
    return found
