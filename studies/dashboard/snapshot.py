"""The results that the page shows, loaded anew while the run goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from tightfit import TightfitError
from tightfit.search.binding import Gain
from tightfit.studies.results import Ending, Results

REST = 9.0
"""By how many times the time between two loads is longer than a load: that of a long run takes a
second of the processors on which the search trains and measures.
"""


class Snapshot:
    """The last results that could be loaded.

    Every open browser asks for them; they are replaced when the run has gone on.

    Args:
        load: Returns the results as they are now.
        stamp: Another value when there may be other results, as :meth:`RunFolder.stamp`; without it
            there always may be.
        rest: See ``REST``.

    Attributes:
        results: The last ones.
        revision: Grows whenever ``results`` changes.
        problem: Why the last load failed; empty when it did not.
    """

    def __init__(
        self,
        load: Callable[[], Results],
        stamp: Callable[[], Hashable] | None = None,
        *,
        rest: float = REST,
    ) -> None:
        self._load = load
        self._stamp = stamp
        self._rest = rest
        self._resting_until = 0.0
        self._seen: Hashable = None
        self._lock = threading.Lock()
        self.results = self._loaded()
        self.revision = 0
        self.problem = ""

    def refresh(self) -> int:
        """Load the results if there may be others, and return the revision.

        A run whose storage cannot be read for a moment keeps its last results on the page.
        """
        with self._lock:
            try:
                if not self._due():
                    return self.revision
                latest = self._loaded()
            except (TightfitError, OSError) as error:
                self.problem = str(error)
                return self.revision
            self.problem = ""
            if _stage(latest) != _stage(self.results):
                self.results = latest
                self.revision += 1
            return self.revision

    def _due(self) -> bool:
        if time.monotonic() < self._resting_until:
            return False
        return self._stamp is None or bool(self.problem) or self._stamp() != self._seen

    def _loaded(self) -> Results:
        # What is written while it loads makes another stamp, and is loaded the next time.
        seen = None if self._stamp is None else self._stamp()
        began = time.monotonic()
        try:
            latest = self._load()
        finally:
            now = time.monotonic()
            self._resting_until = now + self._rest * (now - began)
        self._seen = seen
        return latest


def _stage(results: Results) -> tuple[int, int, bool, Ending | None, tuple[Gain, ...]]:
    """Records are only ever added, so their number says whether there are new ones."""
    return (
        len(results.records),
        len(results.references),
        results.finished,
        results.ending,
        results.gains,
    )
