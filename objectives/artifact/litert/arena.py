"""What of a file lies in an arena of TensorFlow Lite Micro, and where.

Activations live from the operator that gives them to the last that reads them; memory that kernels
ask for lives while they run. A file says where activations lie, in metadata that the default
planner of the runtime follows; it fits the kernels' memory in by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tightfit.objectives.artifact.litert.memory_plan import Buffer, offsets
from tightfit.space import IntArray

PLAN = "OfflineMemoryAllocation"
"""The name that the runtime knows the metadata by."""

ALIGNMENT = 16
SUM_BYTES = 4
"""Of each number of a mean while it is summed up."""

_VERSION, _GRAPH, _ANYWHERE = 1, 0, -1
_UNPACKED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


def aligned(size: IntArray) -> IntArray:
    """Return the bytes that some take in an arena, ``[...]``."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def memory_plan(graph: Any, kinds: Sequence[str], int4: int) -> bytes:
    """Return the metadata that says where a graph's activations lie.

    Args:
        graph: The format's table of one, whose activations have no numbers in the file.
        kinds: Of its operators, in their order.
        int4: The format's number for codes of 4 bits.
    """
    lives = _lives(graph)
    buffers = [Buffer(_bytes(graph.tensors[number]), *life) for number, life in lives.items()]
    for now, (operator, kind) in enumerate(zip(graph.operators, kinds, strict=True), start=1):
        scratch = _scratch(operator, kind, graph.tensors, int4)
        if scratch:
            buffers.append(Buffer(scratch, now, now))
    starts = np.full(len(graph.tensors), _ANYWHERE, dtype=np.int32)
    for number, start in zip(lives, offsets(buffers), strict=False):
        starts[number] = start
    head = np.array([_VERSION, _GRAPH, len(starts)], dtype=np.int32)
    return np.concatenate([head, starts]).tobytes()


def _lives(graph: Any) -> dict[int, tuple[int, int]]:
    """Return by tensor its first and its last operator, counted from 1; inputs are there before."""
    lives = {int(number): (0, 0) for number in graph.inputs}
    for now, operator in enumerate(graph.operators, start=1):
        for number in map(int, operator.inputs):
            if number in lives:
                lives[number] = lives[number][0], now
        lives |= {int(number): (now, now) for number in operator.outputs}
    end = len(graph.operators)
    return lives | {int(number): (lives[int(number)][0], end) for number in graph.outputs}


def _scratch(operator: Any, kind: str, tensors: Sequence[Any], int4: int) -> int:
    """Return the bytes that a kernel asks for while it runs."""
    if kind in _UNPACKED and tensors[operator.inputs[1]].type == int4:
        return _bytes(tensors[operator.inputs[1]])
    if kind == "MEAN":
        return _bytes(tensors[operator.outputs[0]], SUM_BYTES)
    return 0


def _bytes(tensor: Any, each: int = 1) -> int:
    return int(aligned(np.asarray(each * math.prod(map(int, tensor.shape)))))
