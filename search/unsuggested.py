"""Hparams that trials were to suggest and did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tightfit import Candidate, SearchSpace, SpecError

_SEVERAL = 4
"""Complete trials that lack an hparam, from which on it was forgotten or is named otherwise."""


class Unsuggested:
    """Counts the complete trials that lack an hparam.

    Args:
        space: Of the hparams. Those with one choice need not be suggested.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._varied = {each.name for each in space.hparams if len(each.choices) > 1}
        self._always = {each.name for each in space.hparams if each.active_if is None}
        self._lacking: Counter[str] = Counter()
        self._suggested: set[str] = set()

    def add(self, names: Iterable[str], proposed: Candidate | None) -> None:
        """Learn from a complete trial.

        Args:
            names: Of its parameters.
            proposed: What it was to suggest; ``None`` where it never asked for anything of it.
        """
        self._suggested.update(names)
        wanted = self._always if proposed is None else set(self._space.active_choices(proposed))
        self._lacking.update((wanted & self._varied).difference(names))

    def check(self) -> None:
        """Raise what is to be said.

        Raises:
            SpecError: Several trials lacked an hparam that none has suggested.
        """
        forgotten = [
            each.name
            for each in self._space.hparams
            if self._lacking[each.name] >= _SEVERAL and each.name not in self._suggested
        ]
        if forgotten:
            listed = ", ".join(map(repr, forgotten[:3])) + (", ..." if forgotten[3:] else "")
            others = sorted(self._suggested - self._varied)
            hint = f" (it suggested {', '.join(map(repr, others[:3]))})" if others else ""
            raise SpecError(
                f"none of {self._lacking[forgotten[0]]} complete trials has suggested {listed}: "
                f"a trial must suggest every hparam of the space by its name{hint}"
            )
