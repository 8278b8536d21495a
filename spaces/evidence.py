"""What the baseline does on pictures: what criteria and corrections look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from tightfit import SpecError
from tightfit.spaces.network import Network
from tightfit.spaces.sampling import sample_step
from tightfit.spaces.sites import Layer

_BATCH = 32
_SIGNS = 4096
_SAMPLES = 16384


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Pictures that a network is judged by before it is trained.

    Attributes:
        size: How many there are, at least one.
        take: Numbers of pictures ``[n]`` to normalized inputs ``[n, *input_shape]`` and targets
            ``[n, ...]``; asked for a few at a time.
        loss: Outputs and targets to a scalar.
    """

    size: int
    take: Callable[[Tensor], tuple[Tensor, Tensor]]
    loss: Callable[[Tensor, Tensor], Tensor]

    @property
    def parts(self) -> int:
        """In how many batches the pictures come."""
        return -(-self.size // _BATCH)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and targets, a few at a time."""
        for chosen in torch.split(torch.arange(self.size), _BATCH):
            yield self.take(chosen)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a layer: the channels that it reads, or those that it gives."""

    layer: str
    reads: bool


class Observations:
    """What is seen of the baseline's layers, each thing once and when it is first asked for.

    Args:
        network: Makes the baseline.
        layers: By name.
        evidence: Pictures; ``None`` where there are none, and then nothing can be asked for.
    """

    def __init__(
        self,
        network: Callable[[], Network],
        layers: Mapping[str, Layer],
        evidence: Evidence | None,
    ) -> None:
        self._network = network
        self._layers = layers
        self._evidence = evidence

    def evidence(self, purpose: str) -> Evidence:
        """Return the pictures.

        Raises:
            SpecError: There are none.
        """
        if self._evidence is None:
            raise SpecError(f"{purpose} looks at pictures; give the space 'evidence'")
        return self._evidence

    @cached_property
    def first_order(self) -> Mapping[Side, Tensor]:
        """What the loss would lose with each channel, to first order, ``[batches, channels]``.

        The sum of gradient times weight over all weights that read (or give) a channel: the loss's
        derivative along the line on which they go to zero.
        """
        evidence = self.evidence("the criterion 'taylor'")
        network = self._network().eval()
        tensors = dict(network.named_parameters()) | dict(network.named_buffers())
        names = {layer.name: layer.node.parameters["weight"] for layer in self._layers.values()}
        used = {name: tensors[name].requires_grad_() for name in names.values()}
        seen: dict[Side, list[Tensor]] = {}
        for inputs, targets in evidence.batches():
            loss = evidence.loss(network(inputs), targets)
            slopes = dict(zip(used, torch.autograd.grad(loss, list(used.values())), strict=True))
            for layer, name in names.items():
                change = slopes[name] * used[name].detach()
                for reads in (False, True):
                    axis = _weight_axis(self._layers[layer], reads=reads)
                    totals = change.movedim(axis, 0).flatten(1).sum(1)
                    seen.setdefault(Side(layer, reads), []).append(totals)
        return {side: torch.stack(parts) for side, parts in seen.items()}

    @cached_property
    def signs(self) -> Mapping[Side, Tensor]:
        """Whether each channel is below, at or above zero, ``[channels, places]``.

        As -1, 0 and 1, at some 4,096 places, at most twice as many.
        """
        evidence = self.evidence("the criterion 'hamming'")
        sides = [Side(name, reads) for name in self._layers for reads in (False, True)]
        seen: dict[Side, list[Tensor]] = {}
        for side, rows in self._activations(evidence, sides, places=_SIGNS):
            seen.setdefault(side, []).append(rows.sign().to(torch.int8))
        return {side: torch.cat(parts, dim=1) for side, parts in seen.items()}

    def moments(self, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return by layer the second moments of what it reads, ``[channels, channels]``.

        Taken at some 16,384 places, at most twice as many; not centred, so that a sum of channels
        can stand for a channel without a bias.
        """
        evidence = self.evidence("the correction of pruned layers")
        found: dict[str, Tensor] = {}
        sides = [Side(name, reads=True) for name in layers]
        for side, rows in self._activations(evidence, sides, places=_SAMPLES):
            product = rows @ rows.T
            found[side.layer] = found[side.layer] + product if side.layer in found else product
        return found

    @torch.no_grad()
    def _activations(
        self, evidence: Evidence, sides: Sequence[Side], *, places: int
    ) -> Iterator[tuple[Side, Tensor]]:
        """Yield for each batch and side the channels at places from all over, ``[channels, m]``."""
        network, share = self._network().eval(), max(1, places // evidence.parts)
        for inputs, _ in evidence.batches():
            values = network.activations(inputs)
            for side in sides:
                node = self._layers[side.layer].node
                value = values[node.inputs[0] if side.reads else node.name]
                axis = -1 if node.operator == "linear" else 1
                rows = value.movedim(axis, 0).flatten(1)
                yield side, rows[:, :: sample_step(rows.shape[1], share)]


def _weight_axis(layer: Layer, *, reads: bool) -> int:
    return int(reads != (layer.node.operator == "conv_transpose"))
