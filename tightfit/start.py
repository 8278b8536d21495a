"""What a training began with, where another candidate's weights were at hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tightfit.candidate import Candidate
from tightfit.errors import MeasurementError


@dataclass(frozen=True, slots=True)
class Start:
    """Two starts of one training, compared on the same training inputs before it.

    Attributes:
        donor: The nearest evaluated candidate whose weights were kept.
        loss: With the donor's weights wherever it has the same channels.
        sliced_loss: With the baseline's weights alone.

    Raises:
        MeasurementError: A loss that is not finite.
    """

    donor: Candidate
    loss: float
    sliced_loss: float

    def __post_init__(self) -> None:
        for loss in (self.loss, self.sliced_loss):
            if not math.isfinite(loss):
                raise MeasurementError(f"the loss of a start must be finite, got {loss}")

    @property
    def inherited(self) -> bool:
        """Whether the training began with the donor's weights: they had the lower loss."""
        return self.loss < self.sliced_loss

    def to_json(self) -> dict[str, Any]:
        """Return the start as JSON values."""
        return {
            "donor": list(self.donor.indices),
            "loss": self.loss,
            "sliced_loss": self.sliced_loss,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Start:
        """Read back what :meth:`to_json` wrote."""
        return cls(Candidate(tuple(values["donor"])), values["loss"], values["sliced_loss"])
