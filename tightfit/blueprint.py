"""The shape of a network after compression, without weights, for a batch of candidates at once.

Every array is ``[n]``, one entry a candidate. What a candidate does not have is all zeros: a layer
that some candidates decompose is three operations, and each candidate has one or three of them.
Operations are what a runtime executes: batch norms folded, activations fused where they can be.

What computes with these arrays is elementwise, so that it also runs on a
:class:`tightfit.choice_array.ChoiceArray`, which stands for every candidate at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tightfit.graph import Attribute
from tightfit.space import BoolArray, FloatArray, IntArray

FLOAT_BITS = 32


@dataclass(frozen=True, slots=True)
class Activation:
    """A tensor that lives between operations, for one picture.

    Attributes:
        name: Of the graph's input or node that gives it.
        elements: How many numbers, ``[n]``.
        bits: Of each number where it is stored, ``[n]``: 8 or 32.
        sides: Height and width of a picture, ``[n]`` each; empty for what is none, and where a
            space has floats.
    """

    name: str
    elements: IntArray
    bits: IntArray
    sides: tuple[IntArray, ...] = ()

    @property
    def bytes(self) -> FloatArray:
        """Bytes it takes, ``[n]``."""
        return self.elements * self.bits / 8


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator as it is executed.

    Attributes:
        name: The layer's path; parts of a decomposed layer add ``.0``, ``.1``, ``.2``.
        operator: As in :mod:`tightfit.graph`.
        inputs: Names of the activations it reads.
        output: Name of the activation it writes.
        present: Whether the candidate has it, ``[n]``.
        in_channels, out_channels: ``[n]``; zero for operators without weights.
        groups: ``[n]``, at least 1.
        kernel: Height and width; (1, 1) for linear layers.
        positions: At how many places the weights are applied for one picture, ``[n]``.
        bits: Of each weight, ``[n]``: 8, 4, 2 or 32.
        bias: Whether the file has a bias (a folded batch norm gives one).
        trained_extras: Trainable numbers beside the weights (biases, norms' scales), ``[n]``.
        products: Multiply-accumulates of activations with activations for one picture, ``[n]``;
            ``None`` where there are none.
        scores: Pairs of a query and a key that an attention weighs for one picture, over all of its
            heads, ``[n]``; ``None`` of other operators.
        constant_bytes: Of numbers in the file beside those that are counted as trained: masks, and
            weights that a layer has as well; ``[n]`` where candidates differ.
        otherwise: Name of the activation that goes by the name of the output, and stays in its
            place in memory, in candidates that neither have this operation nor another with the
            same output: a dropped residual block gives what it read. ``None`` where there is none.
        attributes: As in :mod:`tightfit.graph`, of the same operator.
    """

    name: str
    operator: str
    inputs: tuple[str, ...]
    output: str
    present: BoolArray
    in_channels: IntArray
    out_channels: IntArray
    groups: IntArray
    kernel: tuple[int, int]
    positions: IntArray
    bits: IntArray
    bias: bool
    trained_extras: IntArray
    products: IntArray | None = None
    scores: IntArray | None = None
    constant_bytes: IntArray | int = 0
    otherwise: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    @property
    def weights(self) -> IntArray:
        """Number of weights without the bias, ``[n]``."""
        area = self.kernel[0] * self.kernel[1]
        dense = self.in_channels * self.out_channels * area // np.maximum(self.groups, 1)
        return np.where(self.present, dense, 0)

    @property
    def params(self) -> IntArray:
        """Trainable numbers, ``[n]``."""
        return self.weights + np.where(self.present, self.trained_extras, 0)

    @property
    def macs(self) -> IntArray:
        """Multiply-accumulates for one picture, ``[n]``."""
        macs = self.weights * self.positions
        return macs if self.products is None else macs + self.products


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A batch of networks.

    Attributes:
        operations: In execution order.
        activations: By name, inputs of the network among them.
        inputs, outputs: Names of the network's own inputs and outputs.
        integer_only: Whether no candidate of the space has floats.
    """

    operations: tuple[Operation, ...]
    activations: dict[str, Activation]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integer_only: bool = False

    @property
    def n(self) -> int:
        """How many candidates."""
        return len(self.activations[self.inputs[0]].elements)

    @property
    def params(self) -> IntArray:
        """Trainable parameters of the torch module, ``[n]``."""
        total = np.zeros(self.n, dtype=np.int64)
        for operation in self.operations:
            total += operation.params
        return total

    @property
    def macs(self) -> IntArray:
        """Multiply-accumulates for one picture, ``[n]``."""
        total = np.zeros(self.n, dtype=np.int64)
        for operation in self.operations:
            total += operation.macs
        return total
