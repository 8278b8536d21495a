"""Points within a training at which somebody looks at the network, and may end it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from torch import nn

Look = Callable[[float, nn.Module], None]
"""Told which share of the steps is done, and given a copy of the network that may be changed."""


class EndedEarly(Exception):  # noqa: N818 - nobody's error; caught by the evaluator
    """A look has ended the training; the text says where."""


def _nobody(_share: float, _twin: nn.Module) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Pauses:
    """When and by whom a network in training is looked at.

    The training does not feel it: what it goes on with is what it would have gone on with.

    Attributes:
        shares: Of all steps, each between 0 and 1.
        look: What it raises ends the training.
        aside: Entered around each pause, e.g. to count it out of what the training takes.
    """

    shares: tuple[float, ...] = ()
    look: Look = _nobody
    aside: Callable[[], AbstractContextManager[None]] = nullcontext

    def after(self, step: int, steps: int) -> float | None:
        """Return the share at which there is a pause once ``step`` of ``steps`` are done."""
        if step == steps:
            return None
        return next((share for share in self.shares if round(share * steps) == step), None)
