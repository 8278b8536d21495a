"""Which limit of a run binds: asked of a model at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tightfit import Constraint, Record, Sense
from tightfit.search.binding import LOOSEST, Gain, gains
from tightfit.search.forecast import Forecast, candidates_to_try
from tightfit.search.region import Region
from tightfit.search.screening import Screen
from tightfit.studies.bench import Bench
from tightfit.studies.prediction_error import static_errors


def binding_limits(bench: Bench, records: Sequence[Record]) -> tuple[Gain, ...]:
    """Return what one per cent more of each limit would give in quality, by a model of records.

    Limits on the quality itself are left out. Static metrics count with their exact costs; what
    must be measured counts with what the model expects of it, or of its interval's worse end where
    the limit demands that.
    """
    space, metric = bench.space.search_space, bench.assembly.task.metric
    limits = [each for each in bench.constraints if each.metric != metric.name]
    static = bench.costs.names
    measured = dict.fromkeys(each.metric for each in limits if each.metric not in static)
    names = [*measured, metric.name]
    forecast = Forecast.of(space, records, [bench.assembly.metrics[name] for name in names])
    if metric.name not in forecast.models:
        return ()
    limits = [each for each in limits if each.metric in static or each.metric in forecast.models]
    loose = [_loosened(each) for each in bench.constraints]
    screen = Screen(space, bench.costs, loose, errors=static_errors(bench.constraints))
    batch = candidates_to_try(Region.survey(space, screen), records)
    evaluated = space.batch([record.candidate for record in records])
    batch = np.unique(np.concatenate([batch, evaluated]), axis=0)
    costs = bench.costs(batch)
    held = {
        each: costs[each.metric] if each.metric in static else forecast.held(each, batch)
        for each in limits
    }
    return gains(batch, held, outlook=forecast.models[metric.name], direction=metric.direction)


def _loosened(limit: Constraint) -> Constraint:
    if limit.sense is Sense.AT_MOST and limit.bound > 0:
        return replace(limit, bound=limit.bound * LOOSEST)
    return replace(limit, bound=limit.bound / LOOSEST) if limit.bound > 0 else limit
