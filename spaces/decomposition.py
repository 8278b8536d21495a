"""Low-rank decomposition: one layer becomes two or three thinner ones.

Linear layers and 1x1 convolutions are split by the singular value decomposition; k x k convolutions
by Tucker-2 with factors from the higher-order SVD (Kim et al., "Compression of deep convolutional
neural networks for fast and low power mobile applications", 2016). The factors of the baseline's
layer are computed once, at full rank; a candidate takes the first columns, and of those the rows of
the channels that it keeps.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tightfit import Choice, Hparam, IntArray, Node
from tightfit.choice_array import pick
from tightfit.graph import Attribute
from tightfit.spaces.axes import Axis
from tightfit.spaces.settings import DecompositionSettings
from tightfit.spaces.sites import Layer, Sites, grouped
from tightfit.spaces.ties import Ties

ALIGN = 4
_LEAST_CHANNELS = 16
_LARGE = 2048
_MOST_PARTS = 3
_POINTWISE: Mapping[str, Attribute] = {
    "stride": (1, 1),
    "padding": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
}


@dataclass(frozen=True, slots=True)
class Factors:
    """A layer's weights at full rank, ``weight = outer @ core @ inner``.

    Attributes:
        outer: ``[O, O]``, or ``[O, r]`` for two factors.
        core: ``[O, I, kh, kw]``, or ``None`` for two factors.
        inner: ``[I, I]``, or ``[r, I]`` for two factors.
    """

    outer: Tensor
    core: Tensor | None
    inner: Tensor


class Decomposition:
    """The knob: hparams ``SITE.rank``, ranks, and the factors."""

    def __init__(
        self, settings: DecompositionSettings, sites: Sites, tensors: Mapping[str, Tensor]
    ) -> None:
        self._tensors = tensors
        self._layers = {layer.name: layer for layer in sites.layers if decomposable(layer)}
        self._names = {
            name: [part_name(name, at, tensors, leaf=".weight") for at in range(_parts_of(layer))]
            for name, layer in self._layers.items()
        }
        self._owners = {each: name for name, parts in self._names.items() for each in parts}
        self._factors: dict[str, Factors] = {}
        self._site_of: dict[str, str] = {}
        self.hparams: list[Hparam] = []
        for site, names in grouped(tuple(self._layers.values()), settings.per).items():
            self.hparams.append(Hparam(f"{site}.rank", _ordered(settings.ranks)))
            self._site_of.update(dict.fromkeys(names, f"{site}.rank"))

    @property
    def layers(self) -> frozenset[str]:
        """Names of the layers that may be decomposed."""
        return frozenset(self._layers)

    def shares(self, columns: Mapping[str, int], batch: IntArray) -> dict[str, np.ndarray]:
        """Return by layer the rank's share in each candidate, 0 where it stays whole, ``[n]``."""
        by_name = {hparam.name: hparam for hparam in self.hparams}
        return {
            name: pick(
                np.array([float(c or 0) for c in by_name[site].choices]), batch[:, columns[site]]
            )
            for name, site in self._site_of.items()
        }

    def layers_of(self, hparam: str) -> list[str]:
        """Return the layers that an hparam is about."""
        return [name for name, site in self._site_of.items() if site == hparam]

    def chosen(self, choices: Mapping[str, Choice]) -> dict[str, float]:
        """Return by layer the rank's share, layers that stay whole left out."""
        return {
            name: float(choices[site])  # type: ignore[arg-type]
            for name, site in self._site_of.items()
            if choices[site] is not None
        }

    def layer_of(self, node: Node) -> str:
        """Return the name of the layer that a node with weights is, or is a part of."""
        return self._owners.get(node.parameters["weight"], node.name)

    def split(
        self,
        node: Node,
        share: float,
        *,
        taken: Container[str],
        kept_out: Tensor,
        kept_in: Tensor,
        mixture: Tensor | None = None,
    ) -> tuple[list[Node], dict[str, Tensor]]:
        """Return the nodes that replace a layer, and their tensors.

        The first node reads what the layer read; the last one bears its name and its bias.

        Args:
            node: Of the layer, as the candidate has it.
            share: Of the full rank of the pruned layer.
            taken: Names of the baseline's nodes.
            kept_out: Output channels that stay, ``[o]``.
            kept_in: Input channels that stay, ``[i]``.
            mixture: How every input channel is mixed from those that stay, ``[I, i]``; without it,
                what is removed is lost.
        """
        layer, factors = self._layers[node.name], self._factorize(node.name)
        rank_in, rank_out = (
            int(rank)
            for rank in ranks(layer, share, np.array(len(kept_in)), np.array(len(kept_out)))
        )
        outer = factors.outer[kept_out][:, :rank_out]
        inner = factors.inner[:rank_in]
        inner = inner[:, kept_in] if mixture is None else inner @ mixture
        weights = [inner, outer]
        if factors.core is not None:
            weights.insert(1, factors.core[:rank_out, :rank_in])
        names = [part_name(node.name, at, taken) for at in range(len(weights) - 1)]
        return _nodes(
            node, [*names, node.name], dict(zip(self._names[node.name], weights, strict=True))
        )

    def axes(self, ties: Ties) -> dict[str, tuple[Axis | None, ...]]:
        """Return by name of a factor's tensor what its axes are about; ``None`` is a rank."""
        found: dict[str, tuple[Axis | None, ...]] = {}
        for name, layer in self._layers.items():
            outer, inner = layer.axes(ties)
            parts: list[tuple[Axis | None, ...]] = [(None, inner), (outer, None)]
            if spatial(layer):
                parts.insert(1, (None, None))
            found |= dict(zip(self._names[name], parts, strict=True))
        return found

    def _factorize(self, name: str) -> Factors:
        if name not in self._factors:
            weight = self._tensors[self._layers[name].node.parameters["weight"]].float()
            self._factors[name] = factorize(weight)
        return self._factors[name]


def decomposable(layer: Layer) -> bool:
    """Whether a layer has channels enough to gain by thinner ones, and weights of its own."""
    dense = layer.dense and layer.node.operator in ("conv", "linear") and not layer.constant
    return dense and not layer.shared and min(layer.shape[:2]) >= _LEAST_CHANNELS


def spatial(layer: Layer) -> bool:
    """Whether a layer is split into three (its kernel covers more than one position)."""
    return layer.kernel != (1, 1)


def ranks(
    layer: Layer, share: np.ndarray | float, inputs: IntArray, outputs: IntArray
) -> tuple[IntArray, IntArray]:
    """Return the ranks towards input and output, equal where there is only one, ``[n]`` each.

    They are multiples of 4, at least 4, and at most what the pruned layer allows.
    """

    def part(channels: IntArray) -> IntArray:
        rank = np.maximum(ALIGN, np.rint(share * channels / ALIGN).astype(np.int64) * ALIGN)
        return np.minimum(channels, np.where(np.equal(share, 1.0), channels, rank))

    if spatial(layer):
        return part(inputs), part(outputs)
    single = part(np.minimum(inputs, outputs))
    return single, single


def factorize(weight: Tensor) -> Factors:
    """Return the factors of a weight ``[O, I]``, ``[O, I, 1, 1]`` or ``[O, I, kh, kw]``."""
    rows, columns = weight.shape[:2]
    if weight.dim() == 2 or weight.shape[2:].numel() == 1:
        return _two_factors(weight.reshape(rows, columns))
    outer = _basis(weight.reshape(rows, -1))
    inner = _basis(weight.transpose(0, 1).reshape(columns, -1))
    core = torch.einsum(
        "oikl,po,qi->pqkl", weight.double(), _inverse(outer, outer.T), _inverse(inner, inner.T)
    )
    return Factors(outer, core.float(), inner.T)


def _two_factors(matrix: Tensor) -> Factors:
    """Return the singular value decomposition, the values shared evenly by both factors.

    Taken from the eigenvectors of the smaller Gram matrix: exact at full rank like the textbook's
    way, and minutes faster for a 4096 x 25088 classifier.
    """
    if len(matrix) > matrix.shape[1]:
        flipped = _two_factors(matrix.T)
        return Factors(flipped.inner.T, None, flipped.outer.T)
    outer = _basis(matrix)
    inner = outer.T @ matrix
    root = inner.norm(dim=1).sqrt().clamp_min(1e-6)
    # In place: a classifier's factor takes hundreds of megabytes.
    if len(outer) > _LARGE:
        return Factors(outer.mul_(root), None, inner.div_(root[:, None]))
    start = (outer / root).T
    outer.mul_(root)
    return Factors(outer, None, (_inverse(outer, start) @ matrix.double()).float())


def _inverse(basis: Tensor, start: Tensor) -> Tensor:
    """Return the inverse of a basis as float32 rounded it, in float64, by one step of Newton's.

    What the last factor makes up for, the network does not amplify.

    Args:
        basis: ``[m, m]``.
        start: Its inverse within the rounding of float32.
    """
    near = start.double()
    return near @ (2 * torch.eye(len(near), dtype=torch.float64) - basis.double() @ near)


def _basis(unfolded: Tensor) -> Tensor:
    """Return the left singular vectors ``[m, m]`` of ``[m, n]``, strongest first.

    Any orthogonal basis gives the weights back at full rank; one that is found in float32 is
    orthogonal within 4e-6 for 4096 rows, and takes half of the time.
    """
    gram = unfolded @ unfolded.T
    values, vectors = torch.linalg.eigh(gram if len(gram) > _LARGE else gram.double())
    basis: Tensor = vectors[:, values.argsort(descending=True)].float()
    return basis


def _ordered(choices: tuple[float | None, ...]) -> tuple[float | None, ...]:
    """Return the choices mildest first: whole, then falling ranks."""
    numbers = sorted({float(c) for c in choices if c is not None}, reverse=True)
    return (None, *numbers) if None in choices else tuple(numbers)


def part_name(layer: str, position: int, taken: Container[str], *, leaf: str = "") -> str:
    """Return the name of a part of a layer, or of its weights, which nothing else has.

    A module that has weights of its own may have children with numbers for names.

    Args:
        layer: That is split.
        position: Of the part.
        taken: Names of the baseline.
        leaf: What stands behind the part's name.
    """
    stem = layer
    while any(f"{stem}.{each}{leaf}" in taken for each in range(_MOST_PARTS)):
        stem += "_"
    return f"{stem}.{position}{leaf}"


def _parts_of(layer: Layer) -> int:
    return _MOST_PARTS if spatial(layer) else _MOST_PARTS - 1


def _nodes(
    node: Node, names: list[str], weights: Mapping[str, Tensor]
) -> tuple[list[Node], dict[str, Tensor]]:
    """Return the nodes of a layer's parts, and their weights.

    Args:
        node: Of the layer.
        names: Of the parts.
        weights: Of the parts, by name.
    """
    is_conv = node.operator == "conv"
    # Two factors of a 1x1 convolution: the first one strides, and the second has less to do.
    busy = 1 if len(weights) == _MOST_PARTS else 0
    nodes, tensors, source = [], {}, node.inputs[0]
    for position, (name, (kept, weight)) in enumerate(zip(names, weights.items(), strict=True)):
        parameters = {"weight": kept}
        if name == node.name and "bias" in node.parameters:
            parameters["bias"] = node.parameters["bias"]
        tensor = weight.reshape(*weight.shape, 1, 1) if is_conv and weight.dim() == 2 else weight
        tensors[kept] = tensor.contiguous()
        thin = _POINTWISE if is_conv else {}
        attributes = node.attributes if position == busy else thin
        nodes.append(
            replace(node, name=name, inputs=(source,), parameters=parameters, attributes=attributes)
        )
        source = name
    return nodes, tensors
