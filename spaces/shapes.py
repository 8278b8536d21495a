"""Shapes of every activation, as torch itself computes them, without numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from tightfit import Node, SpecError
from tightfit.spaces.network import Network
from tightfit.spaces.tracing import BATCH, Traced

__all__ = ["BATCH", "Shape", "activation_shapes", "elements", "stages"]

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


def stages(shapes: Mapping[str, Shape], nodes: Sequence[Node]) -> dict[str, str]:
    """Return the stage of each layer: ``stage1``, ``stage2``, ... by resolution, then ``head``.

    A stage is a run of layers whose outputs have one resolution. Layers that work on a single
    position between larger ones (the gates of squeeze-and-excite) belong to the stage around them;
    those behind the last larger one are the head.
    """
    layers = [node.name for node in nodes]
    resolution = {node.name: _resolution(node, shapes[node.name]) for node in nodes}
    spatial = [name for name in layers if any(side > 1 for side in resolution[name])]
    last = layers.index(spatial[-1]) if spatial else -1
    found: dict[str, str] = {}
    current: tuple[int, ...] = ()
    count = 0
    for position, name in enumerate(layers):
        if position > last:
            found[name] = "head"
            continue
        if any(side > 1 for side in resolution[name]) and resolution[name] != current:
            current = resolution[name]
            count += 1
        found[name] = f"stage{max(count, 1)}"
    return found


def _resolution(layer: Node, shape: Shape) -> Shape:
    """Return height and width of a layer's output; a linear layer has its channels last."""
    if len(shape) != 4:
        return ()
    return shape[1:3] if layer.operator == "linear" else shape[2:]
