"""Which layers of a file could come out otherwise on a processor that adds products in 16 bits.

x86 without VNNI multiplies unsigned by signed codes with ``pmaddubsw``, which adds two neighbouring
products and holds what leaves -32768..32767 at its end. Which two meet is the runtime's choice, so
the bound is over all pairs: a layer is safe when in each output channel the two largest codes, and
the two smallest, times the largest activation code stay within 16 bits. Codes of 4 and 2 bits do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LARGEST_ACTIVATION = 255
SMALLEST_SUM, LARGEST_SUM = -(2**15), 2**15 - 1

_PRODUCTS = frozenset({"Conv", "Gemm", "MatMul"})


def saturating_layers(model: ModelProto) -> tuple[str, ...]:
    """Return the names of the integer layers that are not proved safe, in the file's order."""
    makers = {output: node for node in model.graph.node for output in node.output}
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    return tuple(
        name
        for name, codes in _integer_layers(model, makers, initializers)
        if not within_16_bits(codes)
    )


def within_16_bits(codes: npt.NDArray[Any]) -> bool:
    """Whether no pair of products of weights ``[O, K]`` with any activations leaves 16 bits."""
    ordered = np.sort(codes.astype(np.int64), axis=1)
    largest = np.maximum(ordered[:, -2:], 0).sum(axis=1) * LARGEST_ACTIVATION
    smallest = np.minimum(ordered[:, :2], 0).sum(axis=1) * LARGEST_ACTIVATION
    return bool((largest <= LARGEST_SUM).all() and (smallest >= SMALLEST_SUM).all())


def _integer_layers(
    model: ModelProto,
    makers: Mapping[str, NodeProto],
    initializers: Mapping[str, TensorProto],
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Give each layer whose two operands are codes, with its weights as ``[O, K]``."""
    for node in model.graph.node:
        if node.op_type not in _PRODUCTS:
            continue
        inputs, weights = (makers.get(name) for name in node.input[:2])
        if not (_dequantizes(inputs) and _dequantizes(weights)):
            continue
        assert weights is not None
        tensor = initializers.get(weights.input[0])
        if tensor is not None and tensor.data_type == TensorProto.INT8:
            codes = np.moveaxis(numpy_helper.to_array(tensor), _axis(weights), 0)
            yield node.name or node.output[0], codes.reshape(len(codes), -1)


def _dequantizes(node: NodeProto | None) -> bool:
    return node is not None and node.op_type == "DequantizeLinear"


def _axis(node: NodeProto) -> int:
    found = [helper.get_attribute_value(each) for each in node.attribute if each.name == "axis"]
    return int(found[0]) if found else 1
