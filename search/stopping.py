"""When a search ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import SpecError
from tightfit.search.ledger import Entry
from tightfit.search.patience import LITTLE, unpromising_in_a_row
from tightfit.search.progress import Stopped


@dataclass(frozen=True, slots=True)
class Stopping:
    """What a search may take, earlier runs of it included.

    Attributes:
        trials: Candidates that reach training.
        seconds: Wall time of the search; what was begun is finished. ``None`` is no limit.
        patience: Trainings in a row before which nothing of worth was expected of any candidate.
            ``None`` is no limit.

    Raises:
        SpecError: One of them is not above 0.
    """

    trials: int
    seconds: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise SpecError(f"trials must be at least 1, got {self.trials}")
        if self.seconds is not None and not self.seconds > 0:
            raise SpecError(f"the time of a search must be above 0 seconds, got {self.seconds}")
        if self.patience is not None and self.patience < 1:
            raise SpecError(f"patience must be at least 1, got {self.patience}")

    def reached(
        self, entries: Sequence[Entry], *, trained: int, seconds: float
    ) -> tuple[Stopped, str] | None:
        """Return why a search that has come so far ends, and in words; ``None`` while it goes on.

        Args:
            entries: All that was kept.
            trained: Records that reached training.
            seconds: Wall time of the search so far.
        """
        if trained >= self.trials:
            return Stopped.FINISHED, f"{trained} candidates were trained"
        if self.seconds is not None and seconds >= self.seconds:
            return Stopped.TIME, f"its {_time(self.seconds)} are over"
        if self.patience is not None and unpromising_in_a_row(entries) >= self.patience:
            return Stopped.PATIENCE, (
                f"{self.patience} times in a row no candidate was expected to add "
                f"{LITTLE:.1%} to the front's hypervolume"
            )
        return None


def _time(seconds: float) -> str:
    """Return a time as people say it: ``90 seconds``, ``30 minutes``, ``1.5 hours``."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} seconds"
