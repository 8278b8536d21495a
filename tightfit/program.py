"""A network ready to be written for a runtime: a graph with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tightfit.graph import Graph


@dataclass(frozen=True, slots=True)
class Program:
    """What a file says: operators and their final tensors.

    Batch norms behind a weight operator are folded, dropout is gone, and quantized weights are
    whole numbers: int8 codes in -127..127 (8 bits), -7..7 (4 bits) or -1..1 (2 bits), with a
    float32 scale for each output channel. An activation's ``quantize`` has a float32 scale and a
    uint8 zero point, both of shape ``[]``. The rows that a ``gather`` takes are int64. Everything
    else is float32.

    Attributes:
        graph: As described in :mod:`tightfit.graph`.
        tensors: By the names that the graph's nodes use.
        input_shapes: Of each of the graph's inputs, without the batch axis.
    """

    graph: Graph
    tensors: Mapping[str, npt.NDArray[Any]]
    input_shapes: tuple[tuple[int, ...], ...]
