"""Energy of one picture: operations by bit-width, and bytes moved through the memories.

After Horowitz (ISSCC 2014) and Yang, Chen and Sze (CVPR 2017, equation 1: computation plus data,
the accesses of each memory times the energy of one). In the register file every multiply-accumulate
moves its weight, its activation and its partial sum in and out. Every operation reads its inputs
and writes its output once, from the chip's memory where they fit in it together; every weight is
read once a picture, from the chip's memory where all of them fit. The chip's inner caches are taken
as part of the register file. An estimate: it ranks networks, it replaces no instrument.
"""

from __future__ import annotations

import numpy as np

from tightfit.blueprint import Blueprint, Operation
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.storage import (
    computes_with_integers,
    loaded_bytes,
    packed_bytes,
)
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import FloatArray

REGISTER_ACCESSES = 4
MJ_PER_PJ = 1e-9

METRIC = Metric(
    name="energy_mj",
    unit="mJ",
    direction=Direction.MINIMIZE,
    stage=Stage.STATIC,
    kind=Kind.ESTIMATED,
    summary="operations by bit-width and bytes moved for one picture, times a table of joules",
)


def compute(blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
    """Return the millijoules of a batch, ``[n]``."""
    picojoules = np.zeros(blueprint.n)
    weights = np.zeros(blueprint.n)
    for operation in blueprint.operations:
        picojoules += _moved_activations(operation, blueprint, profile)
        if operation.weights.any():
            picojoules += _arithmetic(operation, blueprint, profile)
            weights += (
                loaded_bytes(operation, blueprint)
                if profile.weights_in_ram
                else packed_bytes(operation)
            )
    return (picojoules + _moved(weights, weights, profile)) * MJ_PER_PJ


def _arithmetic(operation: Operation, blueprint: Blueprint, profile: DeviceProfile) -> FloatArray:
    table = profile.energy
    integer = computes_with_integers(operation, blueprint)
    each: FloatArray = np.where(integer, table.integer_mac_pj, table.float_mac_pj)
    return operation.macs * each * (1 + REGISTER_ACCESSES * table.register_ratio)


def _moved_activations(
    operation: Operation, blueprint: Blueprint, profile: DeviceProfile
) -> FloatArray:
    total = blueprint.activations[operation.output].bytes
    for name in operation.inputs:
        total = total + blueprint.activations[name].bytes
    total = total * operation.present
    return _moved(total, total, profile)


def _moved(count: FloatArray, together: FloatArray, profile: DeviceProfile) -> FloatArray:
    """Return the picojoules of moving bytes that need a memory of a size, ``[n]``."""
    fits = together <= 1000 * profile.sram_kb
    table = profile.energy
    each: FloatArray = np.where(fits, table.sram_pj_per_byte, table.dram_pj_per_byte)
    return count * each
