"""A training's beginning that learns from a part of the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit import SpecError
from tightfit.objectives.data import Split


@dataclass(frozen=True, slots=True)
class Portion:
    """Which inputs are learned from until when.

    Attributes:
        until: Share of the training's steps.
        inputs: Share of the training inputs.

    Raises:
        SpecError: A share outside its range.
    """

    until: float
    inputs: float

    def __post_init__(self) -> None:
        if not (0 < self.until <= 1 and 0 < self.inputs <= 1):
            raise SpecError(
                f"a portion's shares must lie in (0, 1], got {self.inputs} of the inputs until "
                f"{self.until} of the steps"
            )


ALL = Portion(1.0, 1.0)


def stretches(portions: Sequence[Portion], steps: int) -> Iterator[tuple[int, float]]:
    """Yield up to which step, one after the other, which share of the inputs is learned from."""
    for portion in (*portions, ALL):
        yield round(portion.until * steps), portion.inputs


def balanced_order(split: Split) -> Tensor:
    """Return numbers of all inputs, ``[N]``, so that every beginning has its share of each class.

    The same draw for everybody; where targets are not classes, all inputs are of one.
    """
    drawn = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    if not split.holds_classes:
        return drawn
    classes = split.targets[drawn]
    depth = torch.empty(len(split), dtype=torch.float64)
    for each in range(int(classes.max()) + 1):
        members = classes == each
        count = int(members.sum())
        depth[members] = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return drawn[depth.argsort(stable=True)]
