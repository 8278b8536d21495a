"""One thing that may be chosen about a candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tightfit.errors import SpecError

Choice: TypeAlias = float | int | str | None
"""A value that an hparam may take. ``None`` means that the technique is not applied."""


@dataclass(frozen=True, slots=True)
class Hparam:
    """A named, finite, ordered list of choices: ``Hparam("fc.bits", (None, 8, 4))``.

    The first choice is the canonical one: what the baseline has, and what an inactive hparam takes.

    Attributes:
        name: Unique in its space; ``SITE.TECHNIQUE`` by convention.
        choices: In their natural order, mildest compression first.
        active_if: Name of an hparam of the same space and the indices of its choices for which
            this one matters, as long as that one is active itself; ``None`` when it always does.

    Raises:
        SpecError: No choices, or the same choice twice.
    """

    name: str
    choices: tuple[Choice, ...]
    active_if: tuple[str, tuple[int, ...]] | None = None

    def __post_init__(self) -> None:
        if not self.choices:
            raise SpecError(f"the hparam {self.name!r} needs at least one choice, got none")
        if len(set(self.choices)) != len(self.choices):
            raise SpecError(f"the choices of {self.name!r} must differ, got {list(self.choices)}")
