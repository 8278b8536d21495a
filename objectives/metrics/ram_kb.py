"""Memory at the fullest moment of a run.

The activations that live together, in execution order: one is born when its operation writes it,
and dies after the last operation that reads it. Inputs of the network live from the start, outputs
to the end. Attention is the operators that a file has of it, its scores among the activations.
Where the profile loads the weights into RAM they are there all the time. A runtime's own code, its
padding, its workspace and what it fuses are not in it, except where the profile says that the
runtime is TensorFlow Lite Micro and the space has no floats: then it is the arena.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.choice_array import settle
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.artifact.litert.lowering import has_form
from tightfit.objectives.metrics import arena
from tightfit.objectives.metrics.attention_steps import written_out
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import Totals
from tightfit.objectives.metrics.storage import WEIGHT_BYTES
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import BoolArray, FloatArray, IntArray

SETTLED = 2048
"""Joint choices from which on a sum of activations is a number of its own, with fewer values."""

METRIC = Metric(
    name="ram_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COMPUTED,
    summary="most bytes of activations alive together, and weights where they are loaded to RAM; "
    "the arena of TensorFlow Lite Micro where a profile and a space are for that",
)


def live_activations(blueprint: Blueprint) -> Iterator[FloatArray]:
    """Give the bytes of the activations alive while each operator of a file runs, ``[n]`` each."""
    blueprint = written_out(blueprint)
    last = _last_readings(blueprint)
    alive = _Alive(blueprint)
    for name in blueprint.inputs:
        alive.add(name, np.ones_like(blueprint.activations[name].bits, dtype=np.bool_))
    for position, operation in enumerate(blueprint.operations):
        alive.add(operation.output, operation.present)
        if operation.otherwise is not None:
            gone = ~_given(operation.output, blueprint)
            alive.rename(operation.otherwise, operation.output, gone)
        yield alive.total()
        for name in dict.fromkeys(operation.inputs):
            alive.take_away(name, last[position, name])


def _given(name: str, blueprint: Blueprint) -> BoolArray:
    """Return where any operation gives an activation, ``[n]``."""
    present = [each.present for each in blueprint.operations if each.output == name]
    return reduce(np.logical_or, present)


def _fullest(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[FloatArray | IntArray]:
    if profile.arena and has_form(blueprint):
        return arena.head(blueprint, live_activations)
    return live_activations(blueprint)


def _kept(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[IntArray]:
    return arena.tail(blueprint) if profile.arena and has_form(blueprint) else iter(())


PEAK = Quantity(_fullest, largest=True)
KEPT = Quantity(_kept)
"""Bytes at the fullest moment, and of what the runtime keeps beside them all the time."""


def formula(totals: Totals, profile: DeviceProfile) -> FloatArray:
    """Return the kilobytes of a batch, ``[n]``."""
    weights = totals[WEIGHT_BYTES] if profile.weights_in_ram else 0.0
    return (totals[PEAK] + totals[KEPT] + weights) / 1000


class _Alive:
    """Which activations are alive, oldest first; sums over the older ones are kept.

    Nothing is subtracted from a sum: it depends on those that are alive, and on no others.
    """

    def __init__(self, blueprint: Blueprint) -> None:
        self._activations = blueprint.activations
        self._flags: dict[str, BoolArray] = {}
        nothing: FloatArray = np.zeros_like(blueprint.activations[blueprint.inputs[0]].bytes)
        self._sums = [nothing]

    def add(self, name: str, where: BoolArray) -> None:
        """Note that candidates have an activation from now on, ``[n]``."""
        self._change(name, self._flags[name] | where if name in self._flags else where)

    def take_away(self, name: str, where: BoolArray) -> None:
        """Note that candidates need an activation no more, ``[n]``."""
        if name in self._flags and where.any():
            self._change(name, self._flags[name] & ~where)

    def rename(self, name: str, other: str, where: BoolArray) -> None:
        """Note that an activation is known by another name from now on, ``[n]``.

        It keeps its own where the other one is nothing.
        """
        if name in self._flags:
            moved = self._flags[name] & where & np.greater(self._activations[other].bytes, 0)
            if moved.any():
                self.add(other, moved)
                self.take_away(name, moved)

    def total(self) -> FloatArray:
        """Return the bytes of all that are alive, ``[n]``."""
        for name in list(self._flags)[len(self._sums) - 1 :]:
            more = self._activations[name].bytes * self._flags[name]
            self._sums.append(settle(self._sums[-1] + more, above=SETTLED))
        return self._sums[-1]

    def _change(self, name: str, flag: BoolArray) -> None:
        if name in self._flags:
            del self._sums[list(self._flags).index(name) + 1 :]
        self._flags[name] = flag
        if not flag.any():
            del self._flags[name]


def _last_readings(blueprint: Blueprint) -> dict[tuple[int, str], BoolArray]:
    """Return by operation and activation whether that candidate reads it there last, ``[n]``."""
    read_later: dict[str, BoolArray] = {}
    for name, activation in blueprint.activations.items():
        like = np.ones_like if name in blueprint.outputs else np.zeros_like
        read_later[name] = like(activation.bits, dtype=np.bool_)
    last = {}
    for position in range(len(blueprint.operations) - 1, -1, -1):
        operation = blueprint.operations[position]
        if operation.otherwise is not None:
            # It lives on under the name of the output, and dies when that is read last.
            read_later[operation.otherwise] = read_later[operation.otherwise] | ~operation.present
        for name in dict.fromkeys(operation.inputs):
            last[position, name] = operation.present & ~read_later[name]
            read_later[name] = read_later[name] | operation.present
    return last
