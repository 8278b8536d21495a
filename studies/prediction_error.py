"""What predictions of static metrics may be off, and what that means for limits on them."""

from __future__ import annotations

import numpy as np

from tightfit import Constraint, Sense
from tightfit.objectives.metrics import STATIC_METRICS

_ANY = 1e9
"""An error of a prediction that keeps any limit from below."""


def static_errors(constraints: tuple[Constraint, ...]) -> dict[str, float]:
    """Return up to which share of itself a static prediction may break its limit, by metric.

    A screen with these errors lets pass exactly what :func:`static_allowance` allows.
    """
    predicted = {static.metric.name for static in STATIC_METRICS}
    errors: dict[str, float] = {}
    for limit in constraints:
        if limit.metric in predicted:
            allowed = static_allowance(limit)
            # Where what is allowed from below lies under 0, every cost is.
            share = abs(1 - limit.bound / allowed) if allowed * limit.bound > 0 else _ANY
            errors[limit.metric] = max(share, errors.get(limit.metric, 0.0))
    return errors


def static_allowance(limit: Constraint) -> float:
    """Return the static value beyond which a limit on a static metric is certainly broken."""
    for static in STATIC_METRICS:
        if static.metric.name == limit.metric:
            return static.nearest(limit.bound, upper=limit.sense is Sense.AT_MOST)
    return limit.bound


def certain(metric: str, prediction: float, sense: Sense) -> float:
    """Return what no final value passes where no static value passes a prediction."""
    for static in STATIC_METRICS:
        if static.metric.name == metric:
            error = float(static.error(np.array([prediction]))[0])
            return prediction - error if sense is Sense.AT_MOST else prediction + error
    return prediction
