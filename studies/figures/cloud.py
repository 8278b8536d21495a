"""Two metrics of every network of a run: the Pareto front, or any other pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import Constraint, Measurement, Metric, Sense
from tightfit.studies import wording
from tightfit.studies.figures.hover import baseline_text, hover_text
from tightfit.studies.results import Results
from tightfit.studies.standing import Place, Standing, members, standings
from tightfit.studies.verdict import shown_metrics


@dataclass(frozen=True, slots=True)
class Point:
    """One network.

    Attributes:
        key: Of its standing; ``baseline`` for the baseline.
        name: What people call it.
        label: Whose it is, for the legend: a reference's origin, or its place.
        place: What became of it; ``None`` for the baseline.
        reference: Whether it has a marker of its own.
        outside: Whether it is no candidate of the space.
        x, y: In the units that people see; ``None`` where it was not read.
        x_error, y_error: Standard errors in the same units.
        hover: Lines of plotly's markup.
    """

    key: str
    name: str
    label: str
    place: Place | None
    reference: bool
    outside: bool
    x: float | None
    y: float | None
    x_error: float
    y_error: float
    hover: str

    def at(self, axis: str) -> float | None:
        """Return its place on an axis, ``x`` or ``y``."""
        return self.x if axis == "x" else self.y

    def ends(self, axis: str) -> tuple[float, ...]:
        """Return where its mark lies on an axis, and for a member where its bar ends."""
        value = self.at(axis)
        if value is None:
            return ()
        error = self.x_error if axis == "x" else self.y_error
        return (value - error, value, value + error) if self.place is Place.MEMBER else (value,)


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit on one of the axes.

    Attributes:
        axis: ``x`` or ``y``.
        at: In the unit that people see.
        above: Whether what lies above is broken.
        text: As people say it.
    """

    axis: str
    at: float
    above: bool
    text: str


@dataclass(frozen=True, slots=True)
class Cloud:
    """Everything that the figure shows.

    Attributes:
        x, y: The metrics of the axes.
        points: Without the baseline.
        baseline: ``None`` where it lacks one of the readings.
        front: Points of the members in the order of ``x``; empty unless both are objectives.
        bounds: Limits on the two metrics.
        chosen: Key of the picked network, if any.
        origins: Labels of all the run's references, also of those that lack both readings: each has
            the same marker whatever the axes.
    """

    x: Metric
    y: Metric
    points: tuple[Point, ...]
    baseline: Point | None
    front: tuple[tuple[float, float], ...]
    bounds: tuple[Bound, ...]
    chosen: str | None
    origins: tuple[str, ...] = ()

    @property
    def whole(self) -> tuple[Point, ...]:
        """Points that have both readings."""
        return tuple(each for each in self.points if each.x is not None and each.y is not None)


def front_axes(results: Results) -> tuple[str, str]:
    """Return the metrics (x, y) of the front: the second objective, and the first.

    With one objective its companion is the first other metric that a limit bounds, else any.
    """
    y = results.objectives[0].metric
    if len(results.objectives) > 1:
        return results.objectives[1].metric, y
    others = [name for name in (*shown_metrics(results), *results.metrics) if name != y]
    return (others[0] if others else y), y


def front(results: Results, *, chosen: str | None = None) -> Cloud:
    """Return the Pareto front with everything around it, on the axes of :func:`front_axes`."""
    x, y = front_axes(results)
    return cloud(results, x, y, chosen=chosen)


def cloud(results: Results, x: str, y: str, *, chosen: str | None = None) -> Cloud:
    """Return two metrics of every network.

    Args:
        results: Of a run.
        x, y: Names of the metrics.
        chosen: Key of the network that is marked.
    """
    across, up = results.metrics[x], results.metrics[y]
    everyone = standings(results)
    points = tuple(_point(results, each, across, up) for each in everyone)
    return Cloud(
        x=across,
        y=up,
        points=tuple(point for point in points if point.x is not None or point.y is not None),
        baseline=_baseline(results, across, up),
        front=_front(results, everyone, across, up),
        bounds=tuple(
            bound
            for constraint in results.constraints
            for axis, metric in (("x", across), ("y", up))
            if (bound := _bound(constraint, axis, metric)) is not None
        ),
        chosen=chosen,
        origins=tuple(dict.fromkeys(point.label for point in points if point.reference)),
    )


def _point(results: Results, standing: Standing, x: Metric, y: Metric) -> Point:
    measurement = standing.record.measurement
    label = standing.record.origin if standing.reference else standing.place.value
    return Point(
        key=standing.key,
        name=standing.name,
        label=label,
        place=standing.place,
        reference=standing.reference,
        outside=standing.trial is None,
        x=_value(measurement, x),
        y=_value(measurement, y),
        x_error=_error(measurement, x),
        y_error=_error(measurement, y),
        hover=hover_text(results, standing),
    )


def _baseline(results: Results, x: Metric, y: Metric) -> Point | None:
    across, up = _value(results.baseline, x), _value(results.baseline, y)
    if across is None or up is None:
        return None
    return Point(
        key="baseline",
        name="baseline",
        label="baseline",
        place=None,
        reference=True,
        outside=True,
        x=across,
        y=up,
        x_error=_error(results.baseline, x),
        y_error=_error(results.baseline, y),
        hover=baseline_text(results),
    )


def _front(
    results: Results, everyone: Sequence[Standing], x: Metric, y: Metric
) -> tuple[tuple[float, float], ...]:
    # A line through the members means a trade-off only between the two objectives themselves.
    if {x.name, y.name} != {objective.metric for objective in results.objectives}:
        return ()
    places = [
        (
            wording.shown(x, each.record.measurement.value(x.name)),
            wording.shown(y, each.record.measurement.value(y.name)),
        )
        for each in members(everyone)
    ]
    return tuple(sorted(places))


def _bound(constraint: Constraint, axis: str, metric: Metric) -> Bound | None:
    if constraint.metric != metric.name:
        return None
    return Bound(
        axis=axis,
        at=wording.shown(metric, constraint.bound),
        above=constraint.sense is Sense.AT_MOST,
        text=wording.limit(constraint, metric),
    )


def _value(measurement: Measurement, metric: Metric) -> float | None:
    if metric.name not in measurement:
        return None
    return wording.shown(metric, measurement.value(metric.name))


def _error(measurement: Measurement, metric: Metric) -> float:
    if metric.name not in measurement:
        return 0.0
    return wording.shown(metric, measurement[metric.name].stderr)
