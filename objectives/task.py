"""What a network is for: its loss, its quality, and how its inputs are augmented."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional as F

from tightfit import Direction, Kind, MeasurementError, Metric, Stage
from tightfit.objectives.augmentation import Augment, flip_and_shift

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``[n, ...]`` and targets ``[n, ...]`` to a scalar."""

Score: TypeAlias = Callable[[Tensor, Tensor], tuple[float, float]]
"""All outputs ``[N, ...]`` and targets ``[N, ...]`` to a value and its standard error."""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that depends on what is learned.

    Attributes:
        loss: Of a batch, for training.
        score: Of a whole split, for judging.
        metric: Name, unit and direction of the score.
        augment: Of training inputs.
    """

    loss: Loss
    score: Score
    metric: Metric
    augment: Augment

    def measure(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return the score's value and standard error.

        Raises:
            MeasurementError: The score function fails, or gives something else than two numbers.
        """
        try:
            value, stderr = self.score(outputs, targets)
            return float(value), float(stderr)
        except (TypeError, ValueError, RuntimeError, IndexError, KeyError) as error:
            raise MeasurementError(
                f"the score {self.metric.name!r} must return (value, standard error): {error}"
            ) from error


def classification() -> Task:
    """Return the task of telling classes apart: cross entropy and accuracy."""
    return Task(
        loss=F.cross_entropy,
        score=accuracy,
        metric=Metric(
            name="accuracy",
            unit="",
            direction=Direction.MAXIMIZE,
            stage=Stage.LEARNED,
            kind=Kind.MEASURED,
            summary="share of right answers of the exported file on the validation split",
        ),
        augment=flip_and_shift,
    )


def accuracy(outputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return the share of right answers and its binomial standard error.

    Args:
        outputs: ``[N, classes]``.
        targets: ``[N]``, numbers of classes.
    """
    right = float((outputs.argmax(1) == targets).double().mean())
    return right, math.sqrt(right * (1 - right) / len(targets))


def quality_metric(name: str, direction: Direction) -> Metric:
    """Return the metric of a user's own score."""
    return Metric(
        name=name,
        unit="",
        direction=direction,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="the study's own score of the exported file on the validation split",
    )
