"""Of several ways to show the same in a terminal, the first that fits its width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType

_ANY_WIDTH = 10_000


def width_of(shown: RenderableType, console: Console, options: ConsoleOptions) -> int:
    """Return how many columns something takes where there is room for all of it."""
    return console.measure(shown, options=options.update(width=_ANY_WIDTH)).maximum


@dataclass(frozen=True, slots=True)
class FirstFit:
    """Ways from the widest to the narrowest; the last one is shown where none fits."""

    ways: tuple[RenderableType, ...]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Yield the way that is shown."""
        fitting = (way for way in self.ways if width_of(way, console, options) <= options.max_width)
        yield next(fitting, self.ways[-1])
