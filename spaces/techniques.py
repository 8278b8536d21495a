"""The techniques that a space has on: what they let choose, and what a candidate has chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from tightfit import Choice, Graph, Hparam, IntArray, SpecError
from tightfit.spaces.batch_sizes import BatchChoices
from tightfit.spaces.decomposition import Decomposition
from tightfit.spaces.depth import Depth
from tightfit.spaces.input_size import InputSize
from tightfit.spaces.pruning import Pruning
from tightfit.spaces.quantization import ACTIVATION_BITS, LayerBits, Quantization
from tightfit.spaces.training import TrainingChoices

UNCHANGED: tuple[tuple[Choice, ...], ...] = ((None,), (0.0,), (1.0,))
"""Lists of choices that leave a network as it is."""


@dataclass(frozen=True, slots=True)
class Techniques:
    """Everything that may be chosen, each technique ``None`` where it is off.

    Attributes:
        size: Of the input; with no hparams where it is fixed.
        training: How candidates are trained.
        pruning: Of channels, heads and widths.
        quantization: Of weights and activations.
        decomposition: Of layers into factors.
        depth: Residual blocks that may be dropped.
    """

    size: InputSize
    training: TrainingChoices
    pruning: Pruning | None
    quantization: Quantization | None
    decomposition: Decomposition | None
    depth: Depth | None

    def hparams(self) -> tuple[Hparam, ...]:
        """Return what may be chosen; what is about layers only while any of these is there.

        Raises:
            SpecError: Every candidate would be the baseline.
        """
        compressing = [*self._of_layers(), *self.size.hparams]
        _check_changes(compressing)
        criterion = self.pruning.criterion if self.pruning else []
        return (*compressing, *criterion, *self.training.hparams)

    def _of_layers(self) -> list[Hparam]:
        depth = self.depth
        found = [] if depth is None else list(depth.hparams)
        for knob in (self.pruning, self.quantization, self.decomposition):
            if knob is not None and depth is None:
                found += knob.hparams
            elif knob is not None and depth is not None:
                about = [(hparam, knob.layers_of(hparam.name)) for hparam in knob.hparams]
                found += [depth.conditioned(hparam, layers) for hparam, layers in about]
        return found

    @property
    def shaping(self) -> frozenset[str]:
        """Names of the hparams that say which weights a network has."""
        found = [*self.pruning.hparams, *self.pruning.criterion] if self.pruning else []
        found += self.decomposition.hparams if self.decomposition else []
        found += self.depth.hparams if self.depth else []
        return frozenset(hparam.name for hparam in found)

    def in_numbers(self, columns: Mapping[str, int], batch: IntArray) -> BatchChoices:
        """Return what candidates have chosen, for arithmetic.

        Args:
            columns: Of the batch, by name of the hparam.
            batch: ``[n, hparams]``.
        """
        size = np.zeros_like(batch[:, 0])
        if self.size.hparams:
            size = batch[:, columns[self.size.hparams[0].name]]
        pruning, quantization = self.pruning, self.quantization
        return BatchChoices(
            widths=pruning.widths(columns, batch) if pruning else {},
            shares=self.decomposition.shares(columns, batch) if self.decomposition else {},
            bits=quantization.bits(columns, batch) if quantization else {},
            rounded=quantization.rounded(columns, batch) if quantization else {},
            dropped=self.depth.dropped(columns, batch) if self.depth else {},
            size=size,
        )

    def kept(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        """Return by number of a dim the positions of it that stay."""
        return self.pruning.kept(choices) if self.pruning else {}

    def first(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        """Return as many positions as :meth:`kept`, the first ones, whatever the criterion."""
        return self.pruning.first(choices) if self.pruning else {}

    def shares(self, choices: Mapping[str, Choice]) -> dict[str, float]:
        """Return by layer that is decomposed its rank's share."""
        return self.decomposition.chosen(choices) if self.decomposition else {}

    def dropped(self, choices: Mapping[str, Choice]) -> frozenset[str]:
        """Return the names of the residual blocks that are dropped."""
        return self.depth.chosen(choices) if self.depth else frozenset()

    def bits(self, choices: Mapping[str, Choice], graph: Graph) -> dict[str, LayerBits]:
        """Return how every layer of a graph is quantized, the parts of decomposed ones among them.

        Args:
            choices: By name of the hparam.
            graph: After surgery.
        """
        if self.quantization is None:
            return {}
        by_layer = self.quantization.chosen(choices)
        result = {}
        for node in graph.nodes:
            if node.operator not in ("conv", "linear"):
                continue
            layer = self.decomposition.layer_of(node) if self.decomposition else node.name
            if layer in by_layer:
                result[node.name] = by_layer[layer]
        return result

    def eight_bits(self) -> dict[str, LayerBits]:
        """Return 8 bits for every layer that can have them, in a space that quantizes."""
        return self.quantization.uniform(ACTIVATION_BITS) if self.quantization else {}


def _check_changes(compressing: Sequence[Hparam]) -> None:
    """Refuse a space in which every candidate is the baseline.

    One choice is enough when it is not the baseline's own: all layers at 8 bits, say.
    """
    if all(hparam.choices in UNCHANGED for hparam in compressing):
        raise SpecError(
            "nothing of this model can be compressed by the techniques that are on; "
            "turn on another table of [space] or give more choices"
        )
