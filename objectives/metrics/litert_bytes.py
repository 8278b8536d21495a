"""Bytes of a ``.tflite`` file of integers, by the operators that are written into it.

The format's own tables take about as much for each operator and for each tensor; what is left are
attributes, alignment and the metadata beyond a usual amount. Each channel of a layer has a zero
point of 8 bytes, and layers of as many channels share them: which do is not followed over the whole
network, and a layer counts that has more channels than those shortly before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.objectives.artifact.litert.lowering import lowered
from tightfit.objectives.artifact.litert.steps import Step
from tightfit.objectives.metrics.storage import CODE_BITS
from tightfit.space import IntArray

FRAME = 820
"""Of the file itself, of an input, and of usual metadata."""

STEP_BYTES = 112
CONSTANT_BYTES = 102
PLAN_BYTES = 4
"""Of an operator with what it gives, of a tensor of numbers, of either in the plan of memory."""

BIAS_BYTES, SCALES_BYTES, ZERO_BYTES = 4, 8, 8
_WITH_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
_BACK = 3
"""Layers that a layer's channels are compared with."""


def parts(blueprint: Blueprint) -> Iterator[IntArray]:
    """Give the bytes of the frame of the file, then those of each operator, ``[n]`` each.

    Args:
        blueprint: Of candidates that have a form of integers.
    """
    zero = np.zeros_like(blueprint.activations[blueprint.inputs[0]].bits)
    yield zero + FRAME
    before: list[IntArray] = []
    for step in lowered(blueprint).steps:
        tables = STEP_BYTES + len(step.operation.name) + CONSTANT_BYTES * step.constants
        tables += PLAN_BYTES * (1 + step.constants)
        yield (zero + tables) * step.operation.present
        if step.kind in _WITH_WEIGHTS:
            yield _numbers(step) * step.operation.present
            yield _zeros(step, before[-_BACK:])
            before.append(np.where(step.operation.present, step.channels, 0))


def _numbers(step: Step) -> IntArray:
    """Return the bytes of a layer's weights, biases and scales, ``[n]``."""
    per_channel = (BIAS_BYTES + SCALES_BYTES) * step.channels
    if step.operation.operator != "conv":
        return per_channel + step.weights
    packed = np.less(step.operation.bits, CODE_BITS)
    return per_channel + np.where(packed, -(-step.weights // 2), step.weights)


def _zeros(step: Step, before: Sequence[IntArray]) -> IntArray:
    """Return the bytes of a layer's zero points where those before have fewer, ``[n]``."""
    new = step.operation.present
    for channels in before:
        new = new & np.less(channels, step.channels)
    return ZERO_BYTES * step.channels * new
