"""Shapes of every activation, as torch itself computes them, without numbers."""

from __future__ import annotations

import math

import torch

from tightfit import SpecError
from tightfit.spaces.network import Network
from tightfit.spaces.tracing import BATCH, Traced

__all__ = ["BATCH", "Shape", "activation_shapes", "elements"]

Shape = tuple[int, ...]


def activation_shapes(traced: Traced, input_shape: Shape) -> dict[str, Shape]:
    """Return by name of input or node the shape of its output for `BATCH` pictures.

    Raises:
        SpecError: The network cannot read inputs of this shape.
    """
    network = Network(
        traced.graph,
        {name: tensor.to("meta") for name, tensor in traced.tensors.items()},
        trainable=traced.trainable,
        input_shape=input_shape,
    ).eval()
    try:
        with torch.no_grad():
            pictures = torch.empty(BATCH, *input_shape, device="meta", dtype=torch.float32)
            values = network.activations(pictures)
    except (RuntimeError, ValueError) as error:
        raise SpecError(
            f"the network cannot read inputs of shape {list(input_shape)}: {error}"
        ) from error
    return {name: tuple(value.shape) for name, value in values.items()}


def elements(shape: Shape) -> int:
    """Return how many numbers an activation has for one picture; 0 where it is the same for all."""
    counted = any(side and side % BATCH == 0 for side in shape)
    return math.prod(shape) // BATCH if counted else 0
