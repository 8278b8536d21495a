"""Which limit costs most quality: what one per cent more of it would give, by a model.

For each limit the best candidate is looked for under bounds a little tighter and a little looser,
by exact costs and by what :class:`Outlook` expects of the quality. The slope of the expected
quality of these picks over the bound is a weighted sum of expectations, so that the model gives its
interval, too. It is the finite difference that stands for a Lagrange multiplier where choices are
discrete.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from tightfit import BoolArray, Constraint, Direction, FloatArray, IntArray, Sense
from tightfit.search.forecast import LEVEL
from tightfit.search.outlook import Outlook

STEPS = (-0.1, -0.05, 0.0, 0.05, 0.1)
"""Changes of a bound, as shares of it; a positive one is looser."""

LOOSEST = 1 + max(STEPS)


@dataclass(frozen=True, slots=True)
class Gain:
    """What one per cent more of a limit gives in quality, as a model expects it.

    Attributes:
        limit: As in the study.
        value: In the quality's unit for one per cent of the bound; positive is better.
        low, high: The interval that holds it with a probability of ``LEVEL``.
    """

    limit: Constraint
    value: float
    low: float
    high: float

    @property
    def measurable(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def gains(
    batch: IntArray,
    held: Mapping[Constraint, FloatArray],
    *,
    outlook: Outlook,
    direction: Direction,
) -> tuple[Gain, ...]:
    """Return what each limit gives; one within which nothing is left is passed over.

    Args:
        batch: Candidates to choose from, ``[n, hparams]``.
        held: By limit what is held against its bound of each of them, exact or expected, ``[n]``.
        outlook: On the quality.
        direction: Of the quality.
    """
    sign = 1.0 if direction is Direction.MAXIMIZE else -1.0
    quality = sign * outlook.mean(batch)
    kept = {limit: limit.violations(values) <= 0 for limit, values in held.items()}
    found = []
    for limit, values in held.items():
        others = np.ones(len(batch), dtype=np.bool_)
        for other in held:
            if other is not limit:
                others &= kept[other]
        picks = {
            step: int(np.where(inside, quality, -np.inf).argmax())
            for step in STEPS
            if (inside := others & _within(limit, values, step)).any()
        }
        if len(picks) > 1:
            found.append(_gain(limit, picks, batch, outlook, sign))
    return tuple(found)


def _within(limit: Constraint, values: FloatArray, step: float) -> BoolArray:
    """Return which values keep a limit whose bound is that share looser, ``[n]``."""
    loose = limit.bound + (1 if limit.sense is Sense.AT_MOST else -1) * step * abs(limit.bound)
    return np.asarray(values <= loose if limit.sense is Sense.AT_MOST else values >= loose)


def _gain(
    limit: Constraint, picks: Mapping[float, int], batch: IntArray, outlook: Outlook, sign: float
) -> Gain:
    """Return the slope over the steps of the picks' quality, for one per cent."""
    if len(set(picks.values())) == 1:
        return Gain(limit, 0.0, 0.0, 0.0)  # The same candidate is best under all of the bounds.
    steps = np.array(list(picks))
    chosen = batch[list(picks.values())]
    weights = 0.01 * (steps - steps.mean()) / ((steps - steps.mean()) ** 2).sum()
    value = sign * float(weights @ outlook.mean(chosen))
    variance = max(0.0, float(weights @ outlook.covariance(chosen) @ weights))
    reach = float(stats.norm.ppf((1 + LEVEL) / 2)) * math.sqrt(variance)
    return Gain(limit, value, value - reach, value + reach)
