"""Bounds as a study has them: numbers that can be copied, and are kept as they are printed."""

from __future__ import annotations

from typing import Any

from tightfit import Constraint, Sense

_DIGITS = 10


def as_limit(metric: str, sense: Sense, bound: float) -> str:
    """Return a limit on a metric as a study has it: ``macs <= 55308``.

    A bound of many digits is rounded to the side on which what has it keeps the limit.
    """
    text = f"{bound:.{_DIGITS}g}"
    kept = float(text) >= bound if sense is Sense.AT_MOST else float(text) <= bound
    return f"{metric} {sense.value} {text if kept else repr(bound)}"


def limit_json(limit: Constraint) -> dict[str, Any]:
    """Return a limit as JSON values: its text, which names it and is rounded, and what is exact."""
    return {
        "limit": str(limit),
        "metric": limit.metric,
        "sense": limit.sense.value,
        "bound": limit.bound,
        "confident": limit.confident,
    }
