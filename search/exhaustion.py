"""Why a search found nothing more to train, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import takewhile

import numpy as np

from tightfit import Outcome, Record
from tightfit.search.history import History
from tightfit.search.region import GIVE_UP, Region


def untrained_in_a_row(history: History) -> int:
    """Return how many records in a row, up to now, are of candidates that were not trained."""
    return sum(1 for _ in _untrained(history))


def failures_in_a_row(history: History, *, since: int) -> int:
    """Return how many of the last records failed one after the other.

    Args:
        history: All records.
        since: How many there were before: why those failed may have been mended since.
    """
    outcomes = (entry.record.outcome for entry in reversed(history.entries[since:]))
    return sum(1 for _ in takewhile(Outcome.FAILED.__eq__, outcomes))


def explain(region: Region, history: History) -> str:
    """Return which limit refuses most, and how near to keeping all of them anything came."""
    if region.members is not None and len(region.members) <= len(history.seen):
        done = f"each of the {len(region.members)} candidates that keep the static limits is done"
        if len(region.members):
            return done
    screened = [_violations(record) for record in _untrained(history)]
    refused = [each for each in screened if each]
    broken = refused or _static_violations(region)
    counts = Counter(limit for each in broken for limit, violation in each.items() if violation > 0)
    if not counts:
        return "every candidate that keeps the static limits and was found is done"
    limit, times = counts.most_common(1)[0]
    least = min(sum(max(0.0, value) for value in each.values()) for each in broken)
    tried = (
        f"{len(screened)} proposals in a row could not be trained; {limit!r} refuses most of them"
        if refused
        else f"none was found that keeps the static limits; {limit!r} refuses most of random ones"
    )
    return (
        f"{tried} ({times} of {len(broken)} looked at), and the nearest breaks the limits by "
        f"{least:.1%} in all: relax it, or widen the choices"
    )


def _untrained(history: History) -> Iterator[Record]:
    for entry in reversed(history.entries):
        if entry.record.trained:
            return
        yield entry.record


def _violations(record: Record) -> Mapping[str, float]:
    broken = any(violation > 0 for violation in record.violations.values())
    return record.violations if broken else {}


def _static_violations(region: Region) -> list[dict[str, float]]:
    """Return the violations of random candidates, of both kinds of draws, that break a limit."""
    rng = np.random.default_rng(0)
    batch = np.concatenate([region.space.random(GIVE_UP, rng), region.tilted(GIVE_UP, rng)])
    names = [str(constraint) for constraint in region.screen.constraints]
    violations = region.screen.violations(batch)
    return [
        dict(zip(names, row, strict=True))
        for row in violations[(violations > 0).any(axis=1)].tolist()
    ]
