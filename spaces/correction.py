"""What removed channels gave is made up for by those that stay.

A layer that reads a pruned activation loses a part of its sum. The removed channels are predicted
from those that stay by least squares over calibration pictures, and the prediction is folded into
the layer's weights, so that nothing is computed at run time: the reconstruction of He et al.
("Channel pruning for accelerating very deep neural networks", 2017), at the activation in place of
the output (Kim et al., "Neuron merging: compensating for pruned neurons", 2020). There the second
moments of the baseline are enough: a candidate slices them, and needs no picture of its own.

Three kinds of layers are pruned without it: layers in groups, layers whose weights something else
reads too, and those that read more than 4,096 channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from tightfit.spaces.evidence import Observations
from tightfit.spaces.sites import Layer
from tightfit.spaces.ties import Ties, changes, positions

_MOST_CHANNELS = 4096
"""Beyond it, moments take more memory than the weights that they would correct."""
_RIDGE = 1e-3


class Correction:
    """Predicts removed channels from those that stay.

    Args:
        layers: Of the network.
        ties: Of the network.
        observations: Of the baseline.
    """

    def __init__(self, layers: Sequence[Layer], ties: Ties, observations: Observations) -> None:
        self._readers = {
            layer.name: layer
            for layer in layers
            if layer.dense
            and not layer.constant
            and not layer.shared
            and layer.axes(ties)[1].size <= _MOST_CHANNELS
        }
        self._ties = ties
        self._observations = observations
        self._moments: dict[str, Tensor] | None = None

    def mixtures(self, kept: Mapping[int, Tensor]) -> dict[str, Tensor]:
        """Return by layer how each channel that it read is mixed from those that stay.

        Each is ``[channels, stay]``: the rows of channels that stay are those of the identity.
        Layers that lose nothing are left out.

        Args:
            kept: By number of a dim, its positions that stay.
        """
        found: dict[str, Tensor] = {}
        for name, layer in self._readers.items():
            inner = layer.axes(self._ties)[1]
            if not changes(inner, kept):
                continue
            stay = positions(inner, kept)
            if len(stay) < inner.size:
                found[name] = mixture(self._moment(name), stay)
        return found

    def _moment(self, name: str) -> Tensor:
        if self._moments is None:
            self._moments = self._observations.moments(list(self._readers))
        return self._moments[name]


def mixture(moments: Tensor, stay: Tensor) -> Tensor:
    """Return the ridge regression of all channels on those that stay, ``[channels, stay]``.

    Args:
        moments: Sum of products of the channels over many places, ``[channels, channels]``.
        stay: Numbers of the channels that stay, in order.
    """
    rows = moments.double()
    among = rows[stay][:, stay]
    # A channel that is always zero would make the system singular.
    ridge = _RIDGE * among.diagonal().mean().clamp_min(1e-12)
    among = among + ridge * torch.eye(len(stay), dtype=among.dtype)
    mixed: Tensor = torch.linalg.solve(among, rows[stay]).T
    mixed[stay] = torch.eye(len(stay), dtype=mixed.dtype)
    return mixed.float()
