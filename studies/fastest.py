"""How low the space goes on a limit that must be measured: built and measured, never trained.

No proof: the candidates that cost least by exact costs, those of the records, and what each
technique alone changes about the fastest of them. Whether another one is faster is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from tightfit import Candidate, Constraint, Reading, Record, Sense, Stage
from tightfit.search import technique_columns
from tightfit.search.screening import Screen
from tightfit.studies.bench import Bench
from tightfit.studies.session import Watcher
from tightfit.studies.untrained import UntrainedLog

MOST = 16
"""Candidates that are measured for one limit."""

SHOWN = 3

SIGMAS = 2.0
"""Standard errors beyond which a reading misses a limit whatever the chance."""


@dataclass(frozen=True, slots=True)
class Fastest:
    """The candidates with the least readings of a limited metric.

    Attributes:
        limit: At most so much of a metric that must be measured.
        readings: Of all that were measured, by candidate, least first.
    """

    limit: Constraint
    readings: Mapping[Candidate, Reading]

    @property
    def best(self) -> Reading:
        """The least reading."""
        return next(iter(self.readings.values()))

    @property
    def reached(self) -> bool:
        """Whether a candidate keeps the limit."""
        return self.limit.excess(self.best.value) <= 0

    @property
    def unreachable(self) -> bool:
        """Whether the intervals of all of them lie beyond the limit."""
        return all(
            reading.value - SIGMAS * reading.stderr > self.limit.bound
            for reading in self.readings.values()
        )

    @property
    def shown(self) -> list[tuple[Candidate, Reading]]:
        """The first few."""
        return list(islice(self.readings.items(), SHOWN))


def must_be_measured(bench: Bench) -> tuple[Constraint, ...]:
    """Return the upper limits on metrics that only a built file shows."""
    return tuple(
        limit
        for limit in bench.constraints
        if limit.sense is Sense.AT_MOST
        and bench.assembly.metrics[limit.metric].stage is Stage.RUNTIME
        and limit.metric not in bench.costs.names
    )


def measure_fastest(
    bench: Bench,
    limit: Constraint,
    *,
    screen: Screen,
    starts: Iterable[Candidate],
    records: Iterable[Record],
    watcher: Watcher,
) -> Fastest | None:
    """Measure what should be fastest, until a candidate keeps the limit or enough are done.

    Args:
        bench: The study.
        limit: On a metric that must be measured.
        screen: The static limits, which all candidates keep.
        starts: The candidates that cost least.
        records: Of the run; their readings count.
        watcher: Told how far it is.

    Returns:
        ``None`` where nothing could be measured.
    """
    log, found = UntrainedLog(bench), _recorded(bench, limit, screen, records)

    def done() -> bool:
        return any(limit.excess(each.value) <= 0 for each in found.values())

    def try_all(candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            if done() or len(found) >= MOST:
                return
            watcher.step(len(found), MOST, 0.0)
            measured = log.measure(candidate) if candidate not in found else None
            if measured is not None:
                found[candidate] = measured.readings[limit.metric]

    if not done():
        watcher.say(f"measuring what should be fastest, for {limit}")
    try_all(dict.fromkeys(starts))
    if found:
        fastest = min(found, key=lambda each: found[each].value)
        try_all(_variants(bench, screen, fastest))
    ordered = sorted(found.items(), key=lambda each: each[1].value)
    return Fastest(limit, dict(ordered)) if ordered else None


def _recorded(
    bench: Bench, limit: Constraint, screen: Screen, records: Iterable[Record]
) -> dict[Candidate, Reading]:
    """Return the ``MOST`` best readings of the records that keep the static limits."""
    having = [each for each in records if limit.metric in each.measurement]
    if not having:
        return {}
    kept = screen.keeps(bench.space.search_space.batch([each.candidate for each in having]))
    readings = {
        record.candidate: record.measurement[limit.metric]
        for record, keeps in zip(having, kept, strict=True)
        if keeps
    }
    best = sorted(readings.items(), key=lambda each: each[1].value)
    return dict(best[: MOST // 2])


def _variants(bench: Bench, screen: Screen, start: Candidate) -> Iterator[Candidate]:
    """Yield candidates in which one technique is set to one level everywhere."""
    space = bench.space.search_space
    for columns in technique_columns(space).values():
        counts = space.choice_counts[columns]
        for level in reversed(range(int(counts.max()))):
            row = np.array(start.indices, dtype=np.int64)
            row[columns] = np.minimum(level, counts - 1)
            candidate = space.candidate(row)
            if candidate != start and screen.keeps(space.batch([candidate]))[0]:
                yield candidate
