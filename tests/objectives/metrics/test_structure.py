"""Metrics taken apart are the metrics: looked up part by part, they give what a blueprint gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.contracts.test_blueprint_matches_surgery import everything
from tests.spaces.nets import make
from tightfit import CostStructure, FloatArray, IntArray, LinearCase, Total
from tightfit.choice_array import ChoiceArray, Variable
from tightfit.objectives.metrics import STATIC_METRICS, compute_static
from tightfit.objectives.metrics.structure import cost_structures
from tightfit.objectives.profile import CPU, MICROCONTROLLER, DeviceProfile
from tightfit.spaces.compression import CompressionSpace

SMALL = replace(CPU, sram_kb=12.0)
"""A chip that holds the weights of some candidates and not of others."""


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    return everything(*make("odd"))


def state(variable: Variable, batch: IntArray) -> IntArray:
    if isinstance(variable.source, int):
        return batch[:, variable.source]
    return looked_up(variable.source, batch).astype(np.int64)


def looked_up(array: ChoiceArray, batch: IntArray) -> FloatArray:
    """Return what an array over choices says of a batch ``[n, hparams]``, ``[n]``."""
    states = tuple(state(variable, batch) for variable in array.variables)
    return np.broadcast_to(array.values[states], (len(batch),)).astype(np.float64)


def total(total_: Total, batch: IntArray) -> FloatArray:
    parts = [looked_up(part, batch) for part in total_.parts]
    joined = np.max([*parts, np.zeros(len(batch))], axis=0) if total_.largest else sum(parts)
    return np.asarray(joined, dtype=np.float64)


def value(case: LinearCase, batch: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return a case's value, and whether it holds."""
    values = case.offset + sum(weight * total(each, batch) for each, weight in case.weights)
    holds = np.ones(len(batch))
    for each, low, high in case.within:
        holds *= (total(each, batch) >= low) & (total(each, batch) <= high)
    return np.asarray(values), holds


def of_batch(structure: CostStructure, batch: IntArray) -> FloatArray:
    cases = [value(case, batch) for case in structure.cases]
    assert (np.sum([holds for _, holds in cases], axis=0) == 1).all(), "exactly one case holds"
    return np.asarray(sum(values * holds for values, holds in cases))


@pytest.mark.parametrize("profile", [CPU, MICROCONTROLLER, SMALL], ids=["cpu", "micro", "small"])
def test_every_static_metric_is_the_sum_of_its_parts(
    space: CompressionSpace, profile: DeviceProfile
) -> None:
    found = cost_structures(space.blueprint, space.search_space, profile, metrics=STATIC_METRICS)
    batch = space.search_space.random(200, np.random.default_rng(0))
    exact = compute_static(space.blueprint(batch), profile)
    assert set(found) == {static.metric.name for static in STATIC_METRICS}
    for name, structure in found.items():
        np.testing.assert_allclose(of_batch(structure, batch), exact[name], rtol=1e-9, err_msg=name)


def test_a_chip_that_holds_some_weights_makes_two_cases_and_both_are_met(
    space: CompressionSpace,
) -> None:
    energy = [static for static in STATIC_METRICS if static.metric.name == "energy_mj"]
    found = cost_structures(space.blueprint, space.search_space, SMALL, metrics=energy)
    batch = space.search_space.random(200, np.random.default_rng(0))
    held = [value(case, batch)[1].sum() for case in found["energy_mj"].cases]
    assert len(held) == 2
    assert min(held) > 0


def test_a_prediction_breaks_a_bound_for_certain_only_beyond_its_stated_error() -> None:
    size = next(static for static in STATIC_METRICS if static.metric.name == "size_kb")
    for bound in (5.0, 90.0, 5000.0):
        last = size.nearest(bound, upper=True)
        assert last - float(size.error(np.array([last]))[0]) == pytest.approx(bound)
        first = size.nearest(bound, upper=False)
        assert first + float(size.error(np.array([first]))[0]) == pytest.approx(bound)
    params = next(static for static in STATIC_METRICS if static.metric.name == "params")
    assert params.nearest(7.0, upper=True) == 7.0
