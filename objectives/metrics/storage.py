"""In which form the weights and activations of an operation lie in the file and in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tightfit.blueprint import FLOAT_BITS, Activation, Blueprint, Operation
from tightfit.graph import WEIGHT_OPERATORS
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import BoolArray, FloatArray

CODE_BITS = 8
FLOAT_BYTES = 4


def quantized(activation: Activation) -> BoolArray:
    """Whether an activation is stored as codes of 8 bits, ``[n]``."""
    return np.equal(activation.bits, CODE_BITS)


def computes_with_integers(operation: Operation, blueprint: Blueprint) -> BoolArray:
    """Whether an operation with weights runs in integers, ``[n]``.

    Its weights and its input are codes; a convolution's result must be codes, too. Otherwise codes
    only save bytes of the file: a runtime unpacks them to floats when it loads it.
    """
    codes = (operation.bits < FLOAT_BITS) & operation.present
    codes = codes & quantized(blueprint.activations[operation.inputs[0]])
    if operation.operator == "linear":
        return codes
    if operation.operator == "conv":
        return codes & quantized(blueprint.activations[operation.output])
    return np.zeros_like(codes)


def packed_bytes(operation: Operation) -> FloatArray:
    """Bytes of the weights in the file, without scales, ``[n]``: half bytes are filled up."""
    return np.ceil(operation.weights * operation.bits / 8)


def loaded_bytes(operation: Operation, blueprint: Blueprint) -> FloatArray:
    """Bytes of the weights, scales and bias as a runtime computes with them, ``[n]``.

    Packed codes are unpacked when a file is loaded: few bits save bytes of the file, not of memory.
    """
    integer = computes_with_integers(operation, blueprint)
    weights = operation.weights * np.where(integer, 1, FLOAT_BYTES)
    channels = np.where(operation.present, operation.out_channels, 0)
    numbers = weights + FLOAT_BYTES * channels * (int(operation.bias) + integer)
    loaded: FloatArray = numbers.astype(np.float64)
    return loaded


def _weights(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[FloatArray]:
    for operation in blueprint.operations:
        if operation.operator in WEIGHT_OPERATORS:
            yield (
                loaded_bytes(operation, blueprint)
                if profile.weights_in_ram
                else packed_bytes(operation)
            )


WEIGHT_BYTES = Quantity(_weights)
"""Bytes of the weights where the runtime reads them: in RAM, or where the file lies."""
