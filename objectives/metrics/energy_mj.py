"""Energy of one picture: operations by bit-width, and bytes moved through the memories.

After Horowitz (ISSCC 2014) and Yang, Chen and Sze (CVPR 2017, equation 1: computation plus data,
the accesses of each memory times the energy of one). In the register file every multiply-accumulate
moves its weight, its activation and its partial sum in and out. Every operation reads its inputs
and writes its output once, from the chip's memory where they fit in it together; every weight is
read once a picture, from the chip's memory where all of them fit. The chip's inner caches are taken
as part of the register file. An estimate: it ranks networks, it replaces no instrument.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tightfit.blueprint import Blueprint, Operation
from tightfit.graph import WEIGHT_OPERATORS
from tightfit.metric import Direction, Kind, Metric, Stage
from tightfit.objectives.metrics.attention_steps import written_out
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import Totals
from tightfit.objectives.metrics.storage import WEIGHT_BYTES, computes_with_integers
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import BoolArray, FloatArray, IntArray

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


def _floats(blueprint: Blueprint, _profile: DeviceProfile) -> Iterator[IntArray]:
    """Give what is multiplied in floats, ``[n]`` each; activations with each other are as well."""
    for operation in blueprint.operations:
        if operation.operator in WEIGHT_OPERATORS:
            yield np.where(computes_with_integers(operation, blueprint), 0, operation.macs)
        elif operation.products is not None and operation.products.any():
            yield operation.products


def _integers(blueprint: Blueprint, _profile: DeviceProfile) -> Iterator[IntArray]:
    for operation in blueprint.operations:
        if operation.operator in WEIGHT_OPERATORS:
            yield np.where(computes_with_integers(operation, blueprint), operation.macs, 0)


def _near(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[FloatArray]:
    for moved in _moves(blueprint):
        yield np.where(_fits(moved, profile), moved, 0)


def _far(blueprint: Blueprint, profile: DeviceProfile) -> Iterator[FloatArray]:
    for moved in _moves(blueprint):
        yield np.where(_fits(moved, profile), 0, moved)


def _moves(blueprint: Blueprint) -> Iterator[FloatArray]:
    """Give the bytes of activations that each operator of a file reads and writes, ``[n]`` each."""
    written = written_out(blueprint)
    for operation in written.operations:
        yield _moved(operation, written)


def _moved(operation: Operation, blueprint: Blueprint) -> FloatArray:
    """Return the bytes of activations that an operation reads and writes, ``[n]``."""
    total = blueprint.activations[operation.output].bytes
    for name in operation.inputs:
        total = total + blueprint.activations[name].bytes
    return total * operation.present


def _fits(together: FloatArray, profile: DeviceProfile) -> BoolArray:
    return np.less_equal(together, 1000 * profile.sram_kb)


FLOATS = Quantity(_floats)
INTEGERS = Quantity(_integers)
NEAR = Quantity(_near)
FAR = Quantity(_far)
"""Multiply-accumulates, and bytes of activations in the chip's memory and beside it."""

QUANTITIES = (FLOATS, INTEGERS, NEAR, FAR, WEIGHT_BYTES)


def turn(profile: DeviceProfile) -> tuple[Quantity, float]:
    """Return the bytes of weights up to which they are read from the chip's memory."""
    return WEIGHT_BYTES, 1000 * profile.sram_kb


def formula(totals: Totals, profile: DeviceProfile) -> FloatArray:
    """Return the millijoules of a batch, ``[n]``."""
    table = profile.energy
    arithmetic = totals[FLOATS] * table.float_mac_pj + totals[INTEGERS] * table.integer_mac_pj
    weights = totals[WEIGHT_BYTES]
    read = weights * np.where(
        _fits(weights, profile), table.sram_pj_per_byte, table.dram_pj_per_byte
    )
    moved = totals[NEAR] * table.sram_pj_per_byte + totals[FAR] * table.dram_pj_per_byte
    return (arithmetic * (1 + REGISTER_ACCESSES * table.register_ratio) + moved + read) * MJ_PER_PJ
