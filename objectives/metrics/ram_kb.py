"""Memory at the fullest moment of a run.

The activations that live together, in execution order: one is born when its operation writes it,
and dies after the last operation that reads it. Inputs of the network live from the start, outputs
to the end. Where the profile loads the weights into RAM they are there all the time. A runtime's
own code, its padding and its workspace are not in it.
"""

from __future__ import annotations

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.storage import loaded_bytes
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import BoolArray, FloatArray

METRIC = Metric(
    name="ram_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.COMPUTED,
    summary="most bytes of activations alive together, and weights where they are loaded to RAM",
)


def compute(blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
    """Return the kilobytes of a batch, ``[n]``."""
    total = peak_activations(blueprint)
    if profile.weights_in_ram:
        for operation in blueprint.operations:
            if operation.weights.any():
                total = total + loaded_bytes(operation, blueprint)
    return total / 1000


def peak_activations(blueprint: Blueprint) -> FloatArray:
    """Return the bytes of the activations alive at the fullest moment, ``[n]``."""
    last = _last_readings(blueprint)
    live = np.zeros(blueprint.n)
    for name in blueprint.inputs:
        live += blueprint.activations[name].bytes
    peak = live.copy()
    for position, operation in enumerate(blueprint.operations):
        live += blueprint.activations[operation.output].bytes * operation.present
        np.maximum(peak, live, out=peak)
        for name in dict.fromkeys(operation.inputs):
            live -= blueprint.activations[name].bytes * last[position, name]
    return peak


def _last_readings(blueprint: Blueprint) -> dict[tuple[int, str], BoolArray]:
    """Return by operation and activation whether that candidate reads it there last, ``[n]``."""
    read_later = {name: np.zeros(blueprint.n, dtype=np.bool_) for name in blueprint.activations}
    for name in blueprint.outputs:
        read_later[name][:] = True
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
