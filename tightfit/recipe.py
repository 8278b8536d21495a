"""How a candidate is trained: the training choices of a candidate, in plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distillation:
    """Knowledge distillation (Hinton, Vinyals and Dean, 2015).

    Attributes:
        weight: Share of the distillation loss in the whole, in (0, 1].
        temperature: Softens teacher's and student's outputs, > 0.
    """

    weight: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Epochs, learning rate and distillation of one fine-tuning."""

    epochs: int
    learning_rate: float
    distillation: Distillation | None = None
