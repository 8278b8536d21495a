"""Times as people write them."""

from __future__ import annotations

import re

from tightfit import SpecError

_SECONDS = {"s": 1, "m": 60, "h": 3600}


def seconds_of(text: str, what: str = "--within") -> float:
    """Read a time: ``90s``, ``30m``, ``1.5h``.

    Args:
        text: What was written.
        what: Where, for the error.

    Raises:
        SpecError: It is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip())
    if found is None or float(found[1]) == 0:
        raise SpecError(f"{what} takes a time such as 90s, 30m or 2h, got {text!r}")
    return float(found[1]) * _SECONDS[found[2]]
