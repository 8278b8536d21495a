"""The training of one network, step by step."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from tightfit import CandidateError, Recipe
from tightfit.objectives.batches import Batch, Batches
from tightfit.objectives.devices import Precision
from tightfit.objectives.distillation import distillation_loss
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.optimization import (
    TrainingSettings,
    learned_tensors,
    make_optimizer,
    pace,
)
from tightfit.objectives.pauses import Pauses
from tightfit.objectives.portion import stretches
from tightfit.objectives.quantizable import Quantizable
from tightfit.objectives.task import Task


class Loop:
    """Trains a network in place.

    A quantized network learns in float numbers first; for the last share of the steps it rounds as
    its file will (Jacob et al., "Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", 2018, section 3). The ranges of activations are found once,
    at that switch, and stay.

    Args:
        model: On the device.
        recipe: Epochs, learning rate, distillation.
        batches: What it learns from.
        task: Gives the loss.
        precision: Of the forward pass.
        settings: Shared by all candidates.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        batches: Batches,
        task: Task,
        precision: Precision,
        settings: TrainingSettings,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._batches = batches
        self._task = task
        self._precision = precision
        self._settings = settings
        self._steps = recipe.epochs * len(batches)
        self._trained = learned_tensors(model)
        self._optimizer = make_optimizer(self._trained, settings)
        self._started = time.monotonic()

    def run(self, progress: Progress, pauses: Pauses) -> None:
        """Train for the recipe's epochs; the network then computes what its file will.

        Args:
            progress: Told steps done, steps in all and the loss; what it raises ends the training.
            pauses: When a copy of the network is looked at.

        Raises:
            CandidateError: The loss is not finite, or the time is over.
            SpecError: The loss or the augmentation does not work on this network or data.
        """
        self._model.train()
        first_rounded = round((1 - self._settings.quantized_share) * self._steps)
        for step, batch in enumerate(self._material(), 1):
            if step == first_rounded + 1:
                self._start_rounding()
            loss = self._step(step - 1, batch)
            self._check(loss, step, (step - 1) // len(self._batches) + 1)
            progress(step, self._steps, loss)
            self._pause(pauses, step)
        self._settle()

    def _material(self) -> Iterator[Batch]:
        """Yield a batch for every step: of a part of the inputs first, where settings say so."""
        step = 0
        for end, share in stretches(self._settings.portions, self._steps):
            while step < end:
                for batch in islice(self._batches.epoch(share), end - step):
                    step += 1
                    yield batch

    def _pause(self, pauses: Pauses, step: int) -> None:
        share = pauses.after(step, self._steps)
        if share is None:
            return
        began = time.monotonic()
        with pauses.aside():
            pauses.look(share, copy.deepcopy(self._model))
        # A look takes none of the time that a training is given.
        self._started += time.monotonic() - began

    def _step(self, step: int, batch: Batch) -> float:
        factor = pace(step, self._steps, warm_up=self._settings.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * factor
        with self._precision.autocast():
            outputs = self._model(batch.inputs)
        loss = self._loss(outputs.float(), batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if step == 0:
            self._state_of_all()
        nn.utils.clip_grad_norm_(self._trained, self._settings.clip_norm)
        self._optimizer.step()
        return loss.item()

    def _state_of_all(self) -> None:
        """Let the optimizer begin all parameters at once, those too that only rounding uses.

        Fused, it takes no parameters that begin among others that have begun.
        """
        for each in self._trained:
            if each.grad is None:
                each.grad = torch.zeros_like(each)

    def _loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        how = self._recipe.distillation
        if how is None or batch.teacher is None:
            return self._task.penalty(outputs, batch.targets)
        loss = how.weight * distillation_loss(
            outputs, batch.teacher, targets=batch.targets, how=how
        )
        if how.weight < 1:
            loss = loss + (1 - how.weight) * self._task.penalty(outputs, batch.targets)
        return loss

    def _check(self, loss: float, step: int, epoch: int) -> None:
        if not math.isfinite(loss):
            raise CandidateError(
                f"training diverged: the loss is {loss} in step {step} of {self._steps} (epoch "
                f"{epoch}) at the learning rate {self._recipe.learning_rate:g}"
            )
        limit = self._settings.seconds
        if limit is not None and time.monotonic() - self._started > limit:
            raise CandidateError(
                f"training took longer than {limit:g} seconds: step {step} of {self._steps} "
                f"(epoch {epoch})"
            )

    def _start_rounding(self) -> None:
        model = self._model
        if isinstance(model, Quantizable) and model.quantized:
            model.calibrate(self._batches.unchanged(self._settings.calibration_batches))
            model.correct_biases(next(iter(self._batches.unchanged(1))))
            model.quantization = True

    def _settle(self) -> None:
        """Give the trained weights the statistics of a whole sample, not of the last batches."""
        model, count = self._model, self._settings.calibration_batches
        if not isinstance(model, Quantizable):
            return
        model.recalibrate_norms(self._batches.unchanged(count))
        if not model.quantization:
            self._start_rounding()
