"""What a run has reached, in sentences; each is made of figures that can be tested."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import Constraint, Direction, Measurement, Metric, Outcome, Record, Sense
from tightfit.studies import wording
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, members

_TWO_SIGMA = 2.0


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A limit that would have to give way for one candidate.

    Attributes:
        constraint: The limit.
        needed: The bound that the candidate keeps.
        excess: By how much the limit is broken, as a share of its bound.
    """

    constraint: Constraint
    needed: float
    excess: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A network made without compressing, beside the best member that costs no more.

    Attributes:
        rival: A small net, or a shape trained from scratch.
        member: The best member that is as good in every objective but the first; ``None`` when
            there is none.
        gain: By how much the member is better in the first objective; negative is worse.
        stderr: Of ``gain``.
    """

    rival: Standing
    member: Standing | None
    gain: float = 0.0
    stderr: float = 0.0

    @property
    def settled(self) -> bool:
        """Whether the gain is more than two of its standard errors, in either direction."""
        return abs(self.gain) > _TWO_SIGMA * self.stderr


def headline(results: Results, pick: Standing | None) -> str:
    """Return in one sentence what the picked member reached, or that nothing was feasible."""
    if pick is None:
        return _nothing_feasible(results)
    record = pick.record
    parts, whose = [], ""
    for name in shown_metrics(results):
        metric, value = results.metrics[name], record.measurement.value(name)
        if name not in results.baseline:
            parts.append(f"{wording.title(metric)} {wording.quantity(metric, value)}")
            continue
        beside = wording.relation(metric, value, results.baseline.value(name))
        if wording.is_difference(metric):
            exact = wording.quantity(metric, value)
            parts.append(f"{wording.title(metric)} {exact} ({beside})")
        else:
            whose = "its" if whose else "the baseline's"
            parts.append(f"{beside} of {whose} {wording.title(metric)}")
    keeps = "keeps all limits" if results.constraints else "is on the front"
    return f"{wording.capital(pick.name)} {keeps}: {wording.listed(parts)}."


def shown_metrics(results: Results) -> tuple[str, ...]:
    """Return the metrics that matter in this run: objectives, then what limits bound."""
    names = [each.metric for each in results.objectives]
    names += [each.metric for each in results.constraints]
    return tuple(dict.fromkeys(names))


def relaxations(results: Results, standing: Standing) -> tuple[Relaxation, ...]:
    """Return the limits that a network breaks, worst first; only those that could be read."""
    found = []
    for constraint in results.constraints:
        if constraint.metric in standing.record.measurement:
            value = constraint.judged(standing.record.measurement[constraint.metric])
            excess = constraint.excess(value)
            if excess > 0:
                found.append(Relaxation(constraint, value, excess))
    return tuple(sorted(found, key=lambda each: -each.excess))


def advice(results: Results, standing: Standing) -> str:
    """Return in one sentence what would have to be relaxed for a network that breaks limits."""
    parts = [
        f"{_limit(results, each)} relaxed to {_loose(_metric(results, each.constraint), each)} "
        f"({_over(each.excess)} over)"
        for each in relaxations(results, standing)
    ]
    needs = f"{wording.capital(standing.name)} needs {wording.listed(parts)}"
    if standing.evaluated:
        return f"{needs}, and is feasible then."
    return f"{needs}, and was not trained."


def stopped_by(results: Results, record: Record) -> str:
    """Return why a network got no further: the limit as people say it, or the error."""
    for constraint in results.constraints:
        if record.outcome is Outcome.SCREENED and record.reason == str(constraint):
            return f"screened out by {wording.limit(constraint, _metric(results, constraint))}"
    if record.outcome is Outcome.STOPPED:
        return record.reason
    return f"{record.outcome.value}: {record.reason}"


def comparisons(results: Results, all_of_them: Sequence[Standing]) -> tuple[Comparison, ...]:
    """Return how the front compares with each evaluated network outside the space."""
    rivals = [each for each in all_of_them if each.trial is None and each.evaluated]
    front = members(all_of_them)
    return tuple(_compare(results, rival, front) for rival in rivals)


def worth(results: Results, found: Sequence[Comparison]) -> tuple[str, ...]:
    """Return whether compressing was worth it: a verdict, then a sentence for each comparison."""
    if not found:
        return ()
    matched = [each for each in found if each.member is not None]
    won = [each.rival.name for each in matched if each.gain > 0 and each.settled]
    lost = [each.rival.name for each in matched if each.gain < 0 and each.settled]
    even = [each.rival.name for each in matched if not each.settled]
    parts = []
    if won:
        parts.append(f"compressing was worth it against {wording.listed(won)}")
    if lost:
        parts.append(f"{wording.listed(lost)} did better at the same cost")
    if even:
        parts.append(f"against {wording.listed(even)} the difference may be chance")
    if not matched:
        names = wording.listed([each.rival.name for each in found])
        parts.append(
            f"whether compressing was worth it is open, as no member is as small as {names}"
        )
    verdict = wording.capital("; ".join(parts)) + "."
    return (verdict, *(_sentence(results, each) for each in found))


def _compare(results: Results, rival: Standing, front: Sequence[Standing]) -> Comparison:
    first, *costs = results.objectives
    theirs = rival.record.measurement
    matches = [
        each
        for each in front
        if not any(
            cost.better(theirs.value(cost.metric), each.record.measurement.value(cost.metric))
            for cost in costs
        )
    ]
    if not matches:
        return Comparison(rival, None)
    # Members are best first by the first objective.
    ours = matches[0].record.measurement[first.metric]
    other = theirs[first.metric]
    sign = 1.0 if first.direction is Direction.MAXIMIZE else -1.0
    return Comparison(
        rival,
        matches[0],
        gain=sign * (ours.value - other.value),
        stderr=math.hypot(ours.stderr, other.stderr),
    )


def _sentence(results: Results, found: Comparison) -> str:
    first, *costs = results.objectives
    metric = results.metrics[first.metric]
    theirs = found.rival.record.measurement
    apart = [each.bound for each in results.constraints if each.metric == first.metric]
    reached = wording.reading_text(metric, theirs[first.metric], apart=apart)
    at = [_cost(results, cost.metric, theirs) for cost in costs]
    whole = f" at {wording.listed(at)}" if at else ""
    sentence = (
        f"{wording.capital(found.rival.name)} reaches {wording.title(metric)} {reached}{whole}"
    )
    broken = relaxations(results, found.rival)
    if broken:
        sentence += f" and breaks {wording.listed([_limit(results, each) for each in broken])}"
    if found.member is None:
        return f"{sentence}; no member of the front costs as little."
    return f"{sentence}; {found.member.name}, at no more cost, is {_gain(metric, found)}."


def _over(excess: float) -> str:
    """Return by which share a bound is broken, whole per cents from ten on: ``213 %``."""
    share = 100 * excess
    return f"{share:,.0f} %" if share >= 10 else f"{share:.2g} %"


def _cost(results: Results, name: str, measurement: Measurement) -> str:
    apart = [each.bound for each in results.constraints if each.metric == name]
    return wording.quantity(results.metrics[name], measurement.value(name), apart=apart)


def _gain(metric: Metric, found: Comparison) -> str:
    if found.gain == 0:
        return "equal"
    scale, unit = (100.0, " points") if wording.is_share(metric) else (1.0, f" {metric.unit}")
    decimals = 1 if wording.is_share(metric) else 3
    size = f"{scale * abs(found.gain):.{decimals}f} ±{scale * found.stderr:.{decimals}f}"
    way = "better" if found.gain > 0 else "worse"
    chance = "" if found.settled else ", which may be chance"
    return f"{size}{unit.rstrip()} {way}{chance}"


def _nothing_feasible(results: Results) -> str:
    if not results.records:
        return "No trial is finished yet."
    tried = len(results.records)
    return f"None of {tried} trials keeps all limits." if tried > 1 else "The trial breaks a limit."


def _limit(results: Results, broken: Relaxation) -> str:
    """Return a broken limit with digits enough to be told from what breaks it."""
    metric = _metric(results, broken.constraint)
    return wording.limit(broken.constraint, metric, apart=(broken.needed,))


def _loose(metric: Metric, found: Relaxation) -> str:
    """Return a bound that the value keeps also after rounding."""
    limit = found.constraint
    up = limit.sense is Sense.AT_MOST
    return wording.rounded(metric, found.needed, up=up, apart=(limit.bound,))


def _metric(results: Results, constraint: Constraint) -> Metric:
    return results.metrics[constraint.metric]
