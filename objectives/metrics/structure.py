"""Static metrics taken apart: the totals that they are linear in, and the parts of the totals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tightfit.blueprint import Blueprint
from tightfit.choice_array import ChoiceArray, every_candidate
from tightfit.cost_structure import CostStructure, LinearCase, Total
from tightfit.objectives.metrics.quantity import Quantity
from tightfit.objectives.metrics.static_metric import StaticMetric
from tightfit.objectives.profile import DeviceProfile
from tightfit.space import IntArray, SearchSpace

_STEP = 2.0**20
"""A power of two, so that a slope over it is exact where the numbers are whole."""


def cost_structures(
    blueprint: Callable[[IntArray], Blueprint],
    space: SearchSpace,
    profile: DeviceProfile,
    *,
    metrics: Sequence[StaticMetric],
) -> dict[str, CostStructure]:
    """Return by name how each of some metrics is made of the choices of a space.

    Raises:
        TooManyChoicesError: A part depends on more joint choices than a table can hold.
    """
    everything = blueprint(every_candidate(space))
    totals: dict[Quantity, Total] = {}
    for quantity in dict.fromkeys(each for static in metrics for each in static.quantities):
        parts: list[ChoiceArray] = []
        for part in quantity.parts(everything, profile):
            assert isinstance(part, ChoiceArray)
            parts.append(part.simplified())
        totals[quantity] = Total(tuple(parts), quantity.largest)
    return {static.metric.name: _structure(static, totals, profile) for static in metrics}


def _structure(
    static: StaticMetric, totals: Mapping[Quantity, Total], profile: DeviceProfile
) -> CostStructure:
    if static.turn is None:
        return CostStructure(static.metric.name, (_case(static, totals, profile, {}),))
    quantity, last = static.turn(profile)
    last = float(np.floor(last))
    below = _case(static, totals, profile, {quantity: (0.0, last)})
    above = _case(static, totals, profile, {quantity: (last + 1, np.inf)})
    return CostStructure(static.metric.name, (below, above))


def _case(
    static: StaticMetric,
    totals: Mapping[Quantity, Total],
    profile: DeviceProfile,
    ranges: Mapping[Quantity, tuple[float, float]],
) -> LinearCase:
    """Read the weights off the formula, which is linear where totals lie in these ranges."""
    start = {each: ranges.get(each, (0.0, np.inf))[0] for each in static.quantities}

    def at(values: Mapping[Quantity, float]) -> float:
        arrays = {each: np.array([value]) for each, value in values.items()}
        return float(static.formula(arrays, profile)[0])

    value, offset, weights = at(start), at(start), []
    for quantity in static.quantities:
        low, high = ranges.get(quantity, (0.0, np.inf))
        step = min(_STEP, high - low)
        if step <= 0:
            continue  # It has one value, which the offset holds.
        slope = (at({**start, quantity: low + step}) - value) / step
        offset -= slope * low
        if slope:
            weights.append((totals[quantity], slope))
    within = tuple((totals[each], low, high) for each, (low, high) in ranges.items())
    return LinearCase(tuple(weights), offset, within)
