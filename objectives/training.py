"""Trains one network: in memory, in bfloat16 where it helps, on the grid of the file at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from tightfit import CandidateError, Recipe, TightfitError
from tightfit.objectives.batches import Batches
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.loop import Loop
from tightfit.objectives.memory_errors import is_out_of_memory
from tightfit.objectives.optimization import TrainingSettings
from tightfit.objectives.pauses import Pauses
from tightfit.objectives.quantizable import Quantizable
from tightfit.objectives.seeding import seeded
from tightfit.objectives.task import Task
from tightfit.objectives.teacher import Teacher

__all__ = ["Fit", "Trainer", "TrainingSettings"]

Fit = Callable[[nn.Module, Data, int, Teacher | None, int, Progress], nn.Module]
"""A user's own loop: (model, data, epochs, teacher, seed, progress) to the trained model.

A quantized model comes with its ranges set and rounds in every step; the model that is returned
must be the one that came, or another that can be written as a file.
"""


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains networks on one data set.

    Attributes:
        data: Its training split is learned from.
        task: Loss and augmentation.
        precision: Where and how precisely.
        teacher: Needed when a recipe distils.
        settings: Shared by all candidates.
        fit: Replaces the loop.
    """

    data: Data
    task: Task
    precision: Precision
    teacher: Teacher | None = None
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    fit: Fit | None = None

    def __call__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        seed: int,
        progress: Progress,
        pauses: Pauses | None = None,
    ) -> nn.Module:
        """Return the trained network, in evaluation mode, on the CPU.

        The network is trained in place. The same seed gives the same weights on a CPU, whoever
        looks at it on the way, and leaves torch's own random numbers as they were. A user's own
        loop is not paused.

        Raises:
            CandidateError: The loss is not finite, the time is over, a teacher is missing, or a
                user's loop fails.
            SpecError: The task's loss or augmentation does not work on this network or data.
        """
        with seeded(seed):
            if self.precision.device != "cpu":
                torch.manual_seed(seed)
            if self.fit is not None:
                trained = self._user_fit(self.fit, model, recipe.epochs, seed, progress)
            else:
                trained = self._own_fit(model, recipe, seed, progress, pauses or Pauses())
        return trained.cpu().eval()

    def _own_fit(
        self, model: nn.Module, recipe: Recipe, seed: int, progress: Progress, pauses: Pauses
    ) -> nn.Module:
        if recipe.distillation is not None and self.teacher is None:
            raise CandidateError("the recipe distils, but there is no teacher")
        teacher = self.teacher if recipe.distillation is not None else None
        precision = self.precision.suited(model)
        loop = Loop(
            precision.place(model),
            recipe,
            batches=self._batches(model, teacher, precision, seed),
            task=self.task,
            precision=precision,
            settings=self.settings,
        )
        loop.run(progress, pauses)
        return model

    def _user_fit(
        self, fit: Fit, model: nn.Module, epochs: int, seed: int, progress: Progress
    ) -> nn.Module:
        rounds = isinstance(model, Quantizable) and model.quantized
        if isinstance(model, Quantizable) and model.quantized:
            batches = self._batches(model, None, Precision("cpu", bfloat16=False), seed)
            model.calibrate(batches.unchanged(self.settings.calibration_batches))
            model.quantization = True
        try:
            trained = fit(model, self.data, epochs, self.teacher, seed, progress)
        except TightfitError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise CandidateError(f"the study's own fit failed: {error}") from error
        if not isinstance(trained, nn.Module):
            raise CandidateError(
                f"the study's own fit must return the model, got {type(trained).__name__}"
            )
        if rounds and not isinstance(trained, Quantizable):
            raise CandidateError(
                "the study's own fit must return the quantized model that it was given, "
                f"got a {type(trained).__name__}"
            )
        return trained

    def _batches(
        self, model: nn.Module, teacher: Teacher | None, precision: Precision, seed: int
    ) -> Batches:
        shape = model.input_shape if isinstance(model, Quantizable) else self.data.input_shape
        return Batches(
            self.data,
            augment=self.task.augment,
            teacher=teacher,
            precision=precision,
            input_shape=shape,
            size=self.settings.batch_size,
            seed=seed,
        )
