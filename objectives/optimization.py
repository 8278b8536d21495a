"""Settings of the training, and what moves the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from tightfit import SpecError
from tightfit.objectives.portion import Portion
from tightfit.objectives.quantizable import Quantizable

OptimizerName: TypeAlias = Literal["sgd", "adamw"]


@dataclass(frozen=True, slots=True)
class Usual:
    """What suits most networks under one optimizer.

    Attributes:
        baseline: The learning rate from new weights.
        fine_tuning: Learning rates from compressed ones.
        weight_decay: For both.
    """

    baseline: float
    fine_tuning: tuple[float, ...]
    weight_decay: float


USUAL: Mapping[OptimizerName, Usual] = {
    "sgd": Usual(baseline=0.1, fine_tuning=(0.02, 0.05), weight_decay=5e-4),
    "adamw": Usual(baseline=0.002, fine_tuning=(0.0005, 0.002), weight_decay=0.05),
}


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What all candidates of a study share.

    Attributes:
        batch_size: Inputs a step.
        optimizer: SGD with Nesterov's momentum, or AdamW, which transformers need. Learning rates
            of the one mean nothing to the other.
        momentum: Of SGD.
        weight_decay: Of weights; norms and biases have none.
        warm_up: Share of the steps in which the learning rate rises linearly.
        quantized_share: Share of the steps, the last ones, that see the rounding of the file.
        clip_norm: Largest norm of the gradient of all parameters together.
        calibration_batches: Batches that ranges and statistics are taken from.
        seconds: The longest that a training may take; ``None`` is no limit.
        portions: Beginnings that learn from a part of the inputs, one after the other.

    Raises:
        SpecError: A number outside its range.
    """

    batch_size: int = 128
    optimizer: OptimizerName = "sgd"
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 0.1
    quantized_share: float = 0.4
    clip_norm: float = 5.0
    calibration_batches: int = 8
    seconds: float | None = None
    portions: tuple[Portion, ...] = ()

    def __post_init__(self) -> None:
        for name in ("batch_size", "calibration_batches"):
            if getattr(self, name) < 1:
                raise SpecError(f"'training.{name}' must be at least 1, got {getattr(self, name)}")
        for name in ("momentum", "warm_up", "quantized_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"'training.{name}' must lie in 0..1, got {getattr(self, name)}")
        if not self.weight_decay >= 0:
            raise SpecError(f"'training.weight_decay' must be >= 0, got {self.weight_decay}")
        for name in ("clip_norm", "seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SpecError(f"'training.{name}' must be above 0, got {value}")
        if self.optimizer not in ("sgd", "adamw"):
            raise SpecError(
                f"'training.optimizer' must be 'sgd' or 'adamw', got {self.optimizer!r}"
            )


def learned_tensors(model: nn.Module) -> list[Tensor]:
    """Return what training changes: trainable parameters, and steps of rounding that learn."""
    trained: list[Tensor] = [each for each in model.parameters() if each.requires_grad]
    return trained + (model.learned_steps() if isinstance(model, Quantizable) else [])


def make_optimizer(trained: Sequence[Tensor], settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return an optimizer at the learning rate 0; only what has several axes decays."""
    decay = settings.weight_decay
    groups = [
        {"params": [each for each in trained if each.dim() > 1], "weight_decay": decay},
        {"params": [each for each in trained if each.dim() <= 1], "weight_decay": 0.0},
    ]
    # Fused: one call for all parameters, where a small network has more tensors than work.
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=0.0, fused=True)
    momentum = settings.momentum
    return torch.optim.SGD(groups, lr=0.0, momentum=momentum, nesterov=momentum > 0, fused=True)


def pace(step: int, steps: int, *, warm_up: float) -> float:
    """Return the learning rate's factor in a step: a linear rise, then half a cosine to zero.

    Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, eq. 5,
    without restarts.
    """
    rise = round(warm_up * steps)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
