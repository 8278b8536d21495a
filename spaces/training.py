"""Training hparams, distillation among them: how a candidate is trained, whatever its shape."""

from __future__ import annotations

from collections.abc import Mapping

from tightfit import Choice, Distillation, Hparam, Recipe
from tightfit.spaces.settings import DistillationSettings, ScheduleSettings

EPOCHS, LEARNING_RATE = "training.epochs", "training.learning_rate"
WEIGHT, TEMPERATURE = "distillation.weight", "distillation.temperature"


class TrainingChoices:
    """The knob: hparams of the training, and the recipe that they make."""

    def __init__(
        self, schedule: ScheduleSettings, distillation: DistillationSettings | None
    ) -> None:
        self.hparams = [
            Hparam(EPOCHS, tuple(sorted(set(schedule.epochs)))),
            Hparam(LEARNING_RATE, tuple(sorted(set(schedule.learning_rates)))),
        ]
        self._distils = distillation is not None
        if distillation is not None:
            numbers = sorted({weight for weight in distillation.weights if weight is not None})
            weights = (None, *numbers) if None in distillation.weights else tuple(numbers)
            active = tuple(i for i, weight in enumerate(weights) if weight is not None)
            self.hparams += [
                Hparam(WEIGHT, weights),
                Hparam(
                    TEMPERATURE,
                    tuple(sorted(set(distillation.temperatures))),
                    active_if=(WEIGHT, active),
                ),
            ]

    def recipe(self, choices: Mapping[str, Choice]) -> Recipe:
        """Return how a candidate with these choices is trained."""
        weight = choices[WEIGHT] if self._distils else None
        distillation = None
        if weight is not None:
            distillation = Distillation(float(weight), float(choices[TEMPERATURE]))  # type: ignore[arg-type]
        return Recipe(int(choices[EPOCHS]), float(choices[LEARNING_RATE]), distillation)  # type: ignore[arg-type]
