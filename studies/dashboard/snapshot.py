"""The results that the page shows, loaded anew while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tightfit import TightfitError
from tightfit.studies.results import Ending, Results


class Snapshot:
    """The last results that could be loaded.

    Every open browser asks for them; they are replaced when the run has gone on.

    Attributes:
        results: The last ones.
        revision: Grows whenever ``results`` changes.
        problem: Why the last load failed; empty when it did not.
    """

    def __init__(self, load: Callable[[], Results]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self.results = load()
        self.revision = 0
        self.problem = ""

    def refresh(self) -> int:
        """Load the results and return the revision.

        A run whose storage cannot be read for a moment keeps its last results on the page.
        """
        with self._lock:
            try:
                latest = self._load()
            except (TightfitError, OSError) as error:
                self.problem = str(error)
                return self.revision
            self.problem = ""
            if _stage(latest) != _stage(self.results):
                self.results = latest
                self.revision += 1
            return self.revision


def _stage(results: Results) -> tuple[int, int, bool, Ending | None]:
    """Records are only ever added, so their number says whether there are new ones."""
    return len(results.records), len(results.references), results.finished, results.ending
