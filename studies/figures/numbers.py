"""Plain numbers on figures: counts with k, M, G and T, and as many digits as tell them apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tightfit.studies.digits import LARGE_COUNT, SUFFIXES

_DIGITS = 4


def scaled(value: float) -> str:
    """Return a value with four significant digits: ``12.34 k``."""
    scale, suffix = _scale(value)
    small = abs(value / scale)
    if small >= 10.0**_DIGITS:
        return f"{value / scale:,.0f}{suffix}"
    return f"{value / scale:,.{_DIGITS}g}{suffix}"


def tick_texts(values: Sequence[float], *, log: bool, counts: bool) -> list[str]:
    """Return what stands at the ticks of an axis.

    Args:
        values: In ascending order; evenly spaced unless ``log``.
        log: Whether each has its own suffix and digits.
        counts: Whether they have no unit, so that large ones are written with k and M.
    """
    if log:
        return [_own(value, counts=counts) for value in values]
    largest = max((abs(value) for value in values), default=0.0)
    scale, suffix = _scale(largest) if counts else (1.0, "")
    step = (values[1] - values[0]) / scale if len(values) > 1 else 1.0
    # A step that is a hair below a power of ten by rounding has no digit more.
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [f"{value / scale:,.{decimals}f}{suffix}".replace("-", "−") for value in values]


def _own(value: float, *, counts: bool) -> str:
    scale, suffix = _scale(value) if counts else (1.0, "")
    decimals = max(0, -math.floor(math.log10(value / scale) + 1e-9))
    return f"{value / scale:,.{decimals}f}{suffix}"


def _scale(value: float) -> tuple[float, str]:
    if abs(value) >= LARGE_COUNT:
        return next(each for each in SUFFIXES if abs(value) >= each[0])
    return 1.0, ""
