"""The nearest right name, for messages about wrong ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_AS_NEAR = 0.1
"""Names whose likeness differs by less are as near as each other."""


def nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the known name that was meant, ``None`` where none is near.

    Of names that are as near as each other it is one of the same length: a wrong letter is more
    likely than one too many (``trialz`` means ``trials`` and not ``trial``).

    Args:
        name: As it was written.
        known: The right names.
        cutoff: Least likeness, from 0 to 1 for equal names.
    """
    near = difflib.get_close_matches(name, list(known), n=5, cutoff=cutoff)
    if not near:
        return None
    best = _likeness(name, near[0])
    rivals = [each for each in near if best - _likeness(name, each) < _AS_NEAR]
    return next((each for each in rivals if len(each) == len(name)), rivals[0])


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'NAME'?"`` with the nearest known name, or nothing."""
    near = nearest(name, known)
    return f"; did you mean {near!r}?" if near else ""


def _likeness(name: str, other: str) -> float:
    # In the order of `get_close_matches`: the ratio depends on it.
    return difflib.SequenceMatcher(None, other, name).ratio()
