"""What a workshop asks of the space that its candidates are made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn

from tightfit import Blueprint, Candidate, IntArray, Recipe
from tightfit.objectives.artifact.formats import Exportable
from tightfit.objectives.calibration import Calibrated


class Compressed(Calibrated, Exportable, Protocol):
    """What a network offers beside its forward pass, to become a file."""


class Space(Protocol):
    """What candidates are made from."""

    def blueprint(self, batch: IntArray) -> Blueprint:
        """Return the shapes of a batch ``[n, hparams]``."""
        ...

    def build(self, candidate: Candidate) -> nn.Module:
        """Return a new network that is also :class:`Compressed`."""
        ...

    def recipe(self, candidate: Candidate) -> Recipe:
        """Return how the candidate is trained."""
        ...

    def inherited(
        self,
        candidate: Candidate,
        donor: Candidate,
        *,
        own: Mapping[str, Tensor],
        given: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return the candidate's state with the donor's weights as far as they fit."""
        ...
