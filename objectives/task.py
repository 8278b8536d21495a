"""What a network is for: its loss, its quality, and how its inputs are augmented."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional as F

from tightfit import Direction, Kind, MeasurementError, Metric, SpecError, Stage
from tightfit.objectives.augmentation import FLIP_AND_SHIFT, Augment
from tightfit.objectives.memory_errors import is_out_of_memory

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Outputs ``[n, ...]`` and targets ``[n, ...]`` to a scalar."""

Right: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""All outputs ``[N, ...]`` and targets ``[N, ...]`` to which are answered rightly, bool ``[N]``."""

Score: TypeAlias = Callable[[Tensor, Tensor], tuple[float, float]]
"""All outputs ``[N, ...]`` and targets ``[N, ...]`` to a value and its standard error."""

_USERS_ERRORS = (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError)
"""What a function of the user's raises when it does not fit the outputs or the targets."""


@dataclass(frozen=True, slots=True)
class Task:
    """Everything that depends on what is learned.

    Attributes:
        loss: Of a batch, for training.
        score: Of a whole split, for judging.
        metric: Name, unit and direction of the score.
        augment: Of training inputs.
        right: Which answers are right, where the score is their share; ``None`` for other scores.
    """

    loss: Loss
    score: Score
    metric: Metric
    augment: Augment
    right: Right | None = None

    def penalty(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar.

        Raises:
            SpecError: The loss function fails, or gives something else than a scalar tensor.
        """
        try:
            loss = self.loss(outputs, targets)
            shape = list(loss.shape)
        except _USERS_ERRORS as error:
            if is_out_of_memory(error):
                raise
            raise SpecError(
                f"'loss' must turn (outputs, targets) into a scalar; for outputs "
                f"{list(outputs.shape)} and targets {list(targets.shape)} it failed: {error}"
            ) from error
        if shape:
            raise SpecError(f"'loss' must return a scalar tensor, got the shape {shape}")
        return loss

    def measure(self, outputs: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return the score's value and standard error.

        Raises:
            MeasurementError: The score function fails, or gives something else than two numbers.
        """
        try:
            value, stderr = self.score(outputs, targets)
            return float(value), float(stderr)
        except _USERS_ERRORS as error:
            raise MeasurementError(
                f"the score {self.metric.name!r} must return (value, standard error): {error}"
            ) from error


def classification(*, label_smoothing: float = 0.0, augment: Augment = FLIP_AND_SHIFT) -> Task:
    """Return the task of telling classes apart: cross entropy and accuracy.

    Args:
        label_smoothing: Share of the target's probability that is spread over all classes (Szegedy
            et al., "Rethinking the Inception architecture", 2016).
        augment: Of training pictures.

    Raises:
        SpecError: The smoothing is not in [0, 1).
    """
    if not 0 <= label_smoothing < 1:
        raise SpecError(f"label smoothing must lie in [0, 1), got {label_smoothing}")

    def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=label_smoothing)

    return Task(
        loss=cross_entropy,
        score=accuracy,
        metric=Metric(
            name="accuracy",
            unit="",
            direction=Direction.MAXIMIZE,
            stage=Stage.LEARNED,
            kind=Kind.MEASURED,
            summary="share of right answers of the exported file on the validation split",
        ),
        augment=augment,
        right=right_answers,
    )


def right_answers(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return which pictures are told rightly, bool ``[N]``; arguments as for :func:`accuracy`."""
    return outputs.argmax(1) == targets


def accuracy(outputs: Tensor, targets: Tensor) -> tuple[float, float]:
    """Return the share of right answers and its binomial standard error.

    Args:
        outputs: ``[N, classes]``.
        targets: ``[N]``, numbers of classes.
    """
    right = float(right_answers(outputs, targets).double().mean())
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
