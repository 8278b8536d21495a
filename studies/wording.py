"""Values in words: one way of writing a metric, for the terminal, the pages and the figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tightfit import Choice, Constraint, Direction, Interval, Metric, Reading, Sense, Stage
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.studies.digits import (
    LARGE_COUNT,
    SIGNIFICANT,
    SUFFIXES,
    Form,
    decimals_always,
    decimals_of,
    exponent,
    plain,
    telling,
)

_SHARES = frozenset(
    {"accuracy"} | {each.metric.name for each in QUALITY_METRICS if not each.metric.unit}
)
_UPPER_BOUNDS = frozenset(each.metric.name for each in QUALITY_METRICS if each.upper_bound)


def is_share(metric: Metric) -> bool:
    """Whether the metric is a share in 0..1 that people read as a percentage."""
    return metric.name.split(".")[0] in _SHARES


def title(metric: Metric) -> str:
    """Return the metric's name without its unit: ``latency on pi4`` for ``latency_ms.pi4``."""
    name, _, place = metric.name.partition(".")
    suffix = f"_{metric.unit}".lower()
    if metric.unit and name.lower().endswith(suffix):
        name = name[: -len(suffix)]
    bound = " (upper bound)" if name in _UPPER_BOUNDS else ""
    name = name.replace("_", " ") + bound
    return f"{name} on {place}" if place else name


def unit(metric: Metric) -> str:
    """Return the unit that people see; empty for counts."""
    return "%" if is_share(metric) else metric.unit


def axis_title(metric: Metric) -> str:
    """Return the title of an axis: ``latency (ms)``, ``accuracy (%)``."""
    return f"{title(metric)} ({unit(metric)})" if unit(metric) else title(metric)


def shown(metric: Metric, value: float) -> float:
    """Return the value in the unit that people see: a share as a percentage."""
    return 100 * value if is_share(metric) else value


def number(
    metric: Metric, value: float, *, stderr: float = 0.0, apart: Iterable[float] = ()
) -> str:
    """Return the value without its unit, with as many digits as its error leaves a meaning.

    Args:
        metric: Of the value.
        value: In the metric's unit.
        stderr: One standard error.
        apart: What it is read beside, e.g. the bound of its limit; it gets the digits that tell on
            which side of them it is. They get the same where the value is in their ``apart``.
    """
    return _form(metric, value, stderr=stderr, apart=apart).text(value)


def quantity(
    metric: Metric, value: float, *, stderr: float = 0.0, apart: Iterable[float] = ()
) -> str:
    """Return the value with its unit: ``612 kB``, ``91.4 %``, ``11.2 M``."""
    return f"{number(metric, value, stderr=stderr, apart=apart)} {unit(metric)}".rstrip()


def rounded(metric: Metric, value: float, *, up: bool, apart: Iterable[float] = ()) -> str:
    """Return the value with its unit, rounded one way: a bound that the value keeps as printed.

    Args:
        metric: Of the value.
        value: In the metric's unit.
        up: Whether the bound is the most that is allowed, and not the least.
        apart: As of :func:`number`.
    """
    form = _form(metric, value, apart=apart)
    if value:
        # Two digits of a small share too, so that the least is not rounded to nothing.
        form = form.finer(1 - exponent(form.scaled(value)))
    return f"{form.one_way(value, up=up)} {unit(metric)}".rstrip()


def spread(metric: Metric, reading: Reading, *, apart: Iterable[float] = ()) -> str:
    """Return the reading's standard error: ``±0.7``; nothing where it is too small to matter."""
    form = _form(metric, reading.value, stderr=reading.stderr, apart=apart)
    text = plain(shown(metric, reading.stderr), 0 if form.suffix else form.decimals)
    return f"±{text}" if float(text.replace(",", "")) else ""


def reading_text(metric: Metric, reading: Reading, *, apart: Sequence[float] = ()) -> str:
    """Return a reading in full: ``0.412 ±0.003 ms``."""
    value = number(metric, reading.value, stderr=reading.stderr, apart=apart)
    parts = (value, spread(metric, reading, apart=apart), unit(metric))
    return " ".join(part for part in parts if part)


def together(*values: float) -> tuple[str, ...]:
    """Return numbers with the same decimals: as many as leave the first three digits."""
    places = decimals_always(values[0])
    return tuple(plain(each, places) for each in values)


def interval_text(metric: Metric, interval: Interval) -> str:
    """Return a 95 % interval without its unit: ``87.6 to 90.8``."""
    ends = [shown(metric, end) for end in (interval.low, interval.high)]
    width = ends[1] - ends[0]
    decimals = 1 if is_share(metric) else max(decimals_of(end) for end in ends)
    if width > 0:
        # As many digits as tell the ends apart.
        decimals = max(decimals, min(6, 1 - math.floor(math.log10(width))))
    low, high = (plain(end, decimals) for end in ends)
    return f"{low} to {high}"


def difference_text(metric: Metric, difference: float, interval: Interval) -> str:
    """Return how far from the baseline, with its 95 % interval: ``−3.8 points (−5.1 to −2.5)``."""
    values = (difference, interval.low, interval.high)
    if is_share(metric):
        middle, low, high = (signed(100 * value, 1) for value in values)
        return f"{middle} points ({low} to {high})"
    middle, low, high = (signed(value, decimals_of(interval.width)) for value in values)
    return f"{middle} ({low} to {high})"


def change_text(metric: Metric, change: float) -> str:
    """Return by how much a quality changes: ``−1.2 points``."""
    if is_share(metric):
        return f"{signed(100 * change, 1)} points"
    return signed(change, decimals_of(change))


def is_difference(metric: Metric) -> bool:
    """Whether people compare it by difference (quality) and not as a share of the baseline."""
    return metric.stage is Stage.LEARNED and not metric.unit


def relation(metric: Metric, value: float, baseline: float) -> str:
    """Return the value beside the baseline's: ``1.4 %`` of it, or ``−2.1 points`` from it."""
    if is_difference(metric):
        return change_text(metric, value - baseline)
    if baseline == 0:
        return ""
    ratio = value / baseline
    if abs(ratio) >= SIGNIFICANT:
        return f"{ratio:.3g}×"
    decimals = 0 if abs(ratio) >= 0.1 else 1 if abs(ratio) >= 0.01 else 2
    return f"{plain(100 * ratio, decimals)} %"


def sign(constraint: Constraint) -> str:
    """Return the limit's sense as one character."""
    return "≤" if constraint.sense is Sense.AT_MOST else "≥"


def bound(constraint: Constraint, metric: Metric, *, apart: Iterable[float] = ()) -> str:
    """Return a limit without its metric's name: ``≤ 894 kB``.

    Args:
        constraint: The limit.
        metric: Its metric.
        apart: Readings of the metric that it is read beside, as of :func:`number`.
    """
    return f"{sign(constraint)} {quantity(metric, constraint.bound, apart=apart)}"


def limit(constraint: Constraint, metric: Metric, *, apart: Iterable[float] = ()) -> str:
    """Return a limit as people say it: ``latency ≤ 0.42 ms``; ``apart`` as of :func:`bound`."""
    whole = " by the whole interval" if constraint.confident else ""
    return f"{title(metric)} {bound(constraint, metric, apart=apart)}{whole}"


def better(metric: Metric) -> str:
    """Return which way is better, in a word."""
    return "smaller is better" if metric.direction is Direction.MINIMIZE else "larger is better"


def choice(value: Choice) -> str:
    """Return a choice of an hparam as written in a study."""
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign; a true minus, and no sign for what rounds to zero."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def listed(words: list[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""


def capital(text: str) -> str:
    """Return the text as the beginning of a sentence."""
    return text[:1].upper() + text[1:]


def _form(
    metric: Metric, value: float, *, stderr: float = 0.0, apart: Iterable[float] = ()
) -> Form:
    if is_share(metric):
        form = Form(_places(metric, 100 * value, 100 * stderr), times=100.0)
    elif not metric.unit and abs(value) >= LARGE_COUNT:
        # By what it rounds to: 999,999 is 1.00 M.
        per, suffix = next(each for each in SUFFIXES if exponent(value / each[0]) >= 0)
        form = Form(decimals_of(value / per), per=per, suffix=suffix)
    else:
        form = Form(_places(metric, value, stderr))
    for other in apart:
        if other != value:
            form = form.finer(telling(value, form, other, _form(metric, other)))
    return form


def _places(metric: Metric, value: float, stderr: float) -> int:
    """Decimals of a value and its error: up to two more where the error would be rounded away."""
    fewest = 1 if is_share(metric) else decimals_of(value)
    for more in range(3):
        if stderr >= 0.95 * 10.0 ** -(fewest + more):
            return fewest + more
    return fewest
