"""The arena of TensorFlow Lite Micro, of files of integers that have a plan of their memory.

Its head holds what is alive together: activations, padded copies of them, and what kernels ask for
while they run (weights of 4 bits are unpacked there, layer by layer). Its tail holds what stays:
tables of operators and tensors, and two numbers for each channel with a scale of its own. Loading a
file needs some memory as well, which decides where activations are few: descriptions of the tensors
of one layer after the other, while the tail is not yet whole, and then a list of all for the plan.

Sizes are those of the runtime's own structures where pointers have 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.choice_array import settle
from tightfit.objectives.artifact.litert.arena import aligned
from tightfit.objectives.artifact.litert.kinds import KINDS
from tightfit.objectives.artifact.litert.lowering import lowered
from tightfit.objectives.artifact.litert.steps import Step
from tightfit.space import FloatArray, IntArray

RUNTIME_BYTES = 522
"""Of the interpreter, its allocators and its planner."""

ENDS_BYTES = 96
"""Of an input or an output, which can be asked for by number."""

NODE_BYTES = 64
TENSOR_BYTES = 24
CHANNEL_BYTES = 4
"""Of a channel's multiplier, and again of its shift."""

HANDLE_BYTES = 8
"""Of memory that a kernel asks for."""

PLANNED_TENSOR_BYTES = 32
PLANNED_BUFFER_BYTES = 40
"""In the list for the plan: of every tensor, and again of each that lies in the head."""

REQUEST_BYTES = 16
REQUESTS = 12
"""What one kernel may ask for at most; there is room for so many while a file is loaded."""

DESCRIPTION_BYTES = 92
"""Of a tensor, without its zero points of 4 bytes each."""

_DESCRIBED = {"CONV_2D": (4, 3), "DEPTHWISE_CONV_2D": (4, 3), "FULLY_CONNECTED": (2, 2)}
"""How often a layer describes tensors of one zero point, and of one for each channel."""


def head(
    blueprint: Blueprint, alive: Callable[[Blueprint], Iterator[FloatArray]]
) -> Iterator[FloatArray | IntArray]:
    """Give the bytes of the head while each operator runs, and while they are planned, ``[n]``.

    Args:
        blueprint: Of candidates that have a form of integers.
        alive: Gives the bytes of the activations alive while each operation runs, ``[n]`` each.
    """
    found = lowered(blueprint)
    for step, bytes_alive in zip(found.steps, alive(found.blueprint(blueprint)), strict=True):
        yield bytes_alive + step.scratch * step.operation.present
    yield from _descriptions(found.steps, blueprint)
    yield _list(found.steps, len(blueprint.inputs))


def tail(blueprint: Blueprint) -> Iterator[IntArray]:
    """Give the bytes of the tail that the runtime itself takes, then each operator, ``[n]`` each.

    Args:
        blueprint: Of candidates that have a form of integers.
    """
    ends = len(blueprint.inputs) + len(blueprint.outputs)
    zero = np.zeros_like(blueprint.activations[blueprint.inputs[0]].bits)
    yield zero + RUNTIME_BYTES + ENDS_BYTES * ends + TENSOR_BYTES * len(blueprint.inputs)
    for step in lowered(blueprint).steps:
        tables = NODE_BYTES + KINDS[step.kind].state + TENSOR_BYTES * (1 + step.constants)
        asked = HANDLE_BYTES * (step.scratch > 0)
        yield (tables + _scales(step) + asked) * step.operation.present


def _descriptions(steps: Sequence[Step], blueprint: Blueprint) -> Iterator[IntArray]:
    """Give what each layer needs while it is loaded, less what the tail still lacks, ``[n]``.

    Layers that never need more than the network's input takes are left out.
    """
    first = blueprint.activations[blueprint.inputs[0]].elements
    needed = [_described(step) for step in steps]
    matter = [bool(np.greater(each, first).any()) for each in needed]
    ends = len(blueprint.inputs) + len(blueprint.outputs)
    lacking = np.zeros_like(first) + ENDS_BYTES * ends
    for place in reversed(range(len(steps))):
        if matter[place]:
            yield needed[place] - lacking * steps[place].operation.present
        if any(matter[:place]):
            lacking = settle(lacking + _scales(steps[place]) * steps[place].operation.present)


def _described(step: Step) -> IntArray:
    """Return what an operator needs while it is loaded, ``[n]``; nothing for those without weights.

    It is little beside the list for the plan.
    """
    single, of_channels = _DESCRIBED.get(step.kind, (0, 0))
    zeros = CHANNEL_BYTES * (single + of_channels * step.channels)
    needed = zeros + DESCRIPTION_BYTES * (single + of_channels) + REQUEST_BYTES * REQUESTS
    return needed * step.operation.present * int(step.kind in _DESCRIBED)


def _list(steps: Sequence[Step], inputs: int) -> IntArray:
    """Return the bytes of the list that the runtime plans with, ``[n]``."""
    each = PLANNED_TENSOR_BYTES + PLANNED_BUFFER_BYTES
    total = np.zeros_like(steps[0].operation.bits) + each * inputs + REQUEST_BYTES * REQUESTS
    for step in steps:
        known = each + PLANNED_TENSOR_BYTES * step.constants
        asked = (each + REQUEST_BYTES) * (step.scratch > 0)
        total = settle(total + (known + asked) * step.operation.present)
    return total


def _scales(step: Step) -> IntArray:
    """Return the bytes of a layer's multipliers and shifts, ``[n]``."""
    return 2 * aligned(CHANNEL_BYTES * step.channels)
