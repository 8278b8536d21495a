"""Where axes begin and end, so that what matters fills the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

_LOG_FROM = 20.0
_PADDING = 0.07


def wants_log(values: Sequence[float]) -> bool:
    """Whether positive values spread so far that only a logarithmic axis shows them all."""
    return bool(values) and min(values) > 0 and max(values) / min(values) >= _LOG_FROM


def view(focus: Sequence[float], others: Sequence[float], *, log: bool) -> tuple[float, float]:
    """Return the range that shows ``focus`` whole and of ``others`` what lies near it.

    Near is within one width of ``focus`` on either side: one collapsed network must not squeeze the
    rest into a corner. What is left out appears when the reader zooms out.

    Args:
        focus: At least one value. Where ``log``, those that are not positive are left out: an error
            bar may reach there.
        others: May be empty.
        log: Whether the axis is logarithmic; the range is then in powers of ten.
    """
    focus = [value for value in focus if value > 0] if log else focus
    scaled = [math.log10(value) if log else value for value in focus]
    width = (max(scaled) - min(scaled)) or abs(scaled[0]) * 0.1 or 1.0
    seen = [each for each in others if near(each, focus, log=log, widths=1.0)]
    scaled += [math.log10(value) if log else value for value in seen]
    low, high = min(scaled), max(scaled)
    padding = _PADDING * ((high - low) or width)
    return low - padding, high + padding


def near(value: float, focus: Sequence[float], *, log: bool, widths: float) -> bool:
    """Whether a value lies at most so many widths of ``focus`` beside it."""
    if log and value <= 0:
        return False
    scaled = [math.log10(each) if log else each for each in focus]
    place = math.log10(value) if log else value
    low, high = min(scaled), max(scaled)
    width = (high - low) or abs(high) * 0.1 or 1.0
    return low - widths * width <= place <= high + widths * width


def reach(values: Sequence[float], seen: tuple[float, float], *, log: bool) -> tuple[float, float]:
    """Return from where to where a shaded side must go to fill the view and all of ``values``.

    Args:
        values: Of everything that the figure holds, in data values.
        seen: The view, in powers of ten where ``log``.
        log: Whether the axis is logarithmic.
    """
    low, high = (10.0 ** seen[0], 10.0 ** seen[1]) if log else seen
    usable = [value for value in values if not log or value > 0]
    return min(low, *usable), max(high, *usable)
