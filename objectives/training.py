"""Fine-tuning: in memory, in bfloat16 where it helps, on the grid of the file at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit import CandidateError, Distillation, Recipe
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import Task
from tightfit.objectives.teacher import Teacher


@runtime_checkable
class Quantizable(Protocol):
    """A network that can round as its file will."""

    quantization: bool

    @property
    def quantized(self) -> bool:
        """Whether anything of it is quantized."""
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the input that it wants, without the batch axis."""
        ...

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Find the ranges of its activations."""
        ...

    def recalibrate_norms(self, batches: Iterable[Tensor]) -> None:
        """Take the statistics of normalizations anew."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What all candidates of a study share.

    Attributes:
        batch_size: Inputs a step.
        momentum: Of SGD with Nesterov's momentum.
        weight_decay: Of weights; norms and biases have none.
        warm_up: Share of the steps in which the learning rate rises linearly.
        quantized_share: Share of the steps, the last ones, that see the rounding of the file.
        clip_norm: Largest norm of the gradient of all parameters together.
        calibration_batches: Batches that ranges and statistics are taken from.
    """

    batch_size: int = 128
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 0.1
    quantized_share: float = 0.4
    clip_norm: float = 5.0
    calibration_batches: int = 8


Fit = Callable[[nn.Module, Data, int, Teacher | None, int, Progress], nn.Module]
"""A user's own loop: (model, data, epochs, teacher, seed, progress) to the trained model."""


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
    settings: TrainingSettings = TrainingSettings()
    fit: Fit | None = None

    def __call__(
        self, model: nn.Module, recipe: Recipe, *, seed: int, progress: Progress
    ) -> nn.Module:
        """Return the trained network, in evaluation mode, on the CPU.

        Raises:
            CandidateError: The loss is not finite, or a user's loop fails.
        """
        if self.fit is not None:
            return self._user_fit(self.fit, model, recipe, seed, progress)
        run = _Run(self, model, recipe, seed)
        run.train(progress)
        return model.cpu().eval()

    def _user_fit(
        self, fit: Fit, model: nn.Module, recipe: Recipe, seed: int, progress: Progress
    ) -> nn.Module:
        if isinstance(model, Quantizable) and model.quantized:
            model.quantization = True
        try:
            trained = fit(model, self.data, recipe.epochs, self.teacher, seed, progress)
        except Exception as error:
            raise CandidateError(f"the study's own fit failed: {error}") from error
        if not isinstance(trained, nn.Module):
            raise CandidateError(
                f"the study's own fit must return the model, got {type(trained).__name__}"
            )
        return trained.cpu().eval()


class _Run:
    """The training of one network."""

    def __init__(self, trainer: Trainer, model: nn.Module, recipe: Recipe, seed: int) -> None:
        if recipe.distillation is not None and trainer.teacher is None:
            raise CandidateError("the recipe distils, but there is no teacher")
        self._trainer = trainer
        self._settings = trainer.settings
        self._recipe = recipe
        self._model = trainer.precision.place(model.train())
        self._generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        count = len(trainer.data.train)
        self._batch = min(self._settings.batch_size, count)
        self._steps_per_epoch = count // self._batch
        self._steps = recipe.epochs * self._steps_per_epoch
        self._optimizer = self._make_optimizer()
        self._quantized_from = self._first_quantized_step()

    def train(self, progress: Progress) -> None:
        step = 0
        for epoch in range(self._recipe.epochs):
            for chosen in self._shuffled():
                if step == self._quantized_from:
                    self._switch_quantization_on()
                loss = self._step(step, chosen)
                step += 1
                if not math.isfinite(loss):
                    raise CandidateError(
                        f"training diverged: the loss is {loss} in step {step} (epoch {epoch + 1}) "
                        f"at the learning rate {self._recipe.learning_rate:g}"
                    )
                progress(step, self._steps, loss)
        self._settle()

    def _step(self, step: int, chosen: Tensor) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * self._pace(step)
        inputs, targets, teacher = self._take(chosen)
        with self._trainer.precision.autocast():
            outputs = self._model(inputs)
        loss = self._loss(outputs.float(), targets, teacher)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._model.parameters(), self._settings.clip_norm)
        self._optimizer.step()
        return loss.item()

    def _loss(self, outputs: Tensor, targets: Tensor, teacher: Tensor | None) -> Tensor:
        distillation = self._recipe.distillation
        if distillation is None or teacher is None:
            return self._trainer.task.loss(outputs, targets)
        loss = distillation.weight * distillation_loss(outputs, teacher, distillation)
        if distillation.weight < 1:
            loss = loss + (1 - distillation.weight) * self._trainer.task.loss(outputs, targets)
        return loss

    def _take(self, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return inputs, targets and the teacher's outputs of a batch, on the device."""
        trainer = self._trainer
        targets = trainer.data.train.targets[chosen].to(trainer.precision.device)
        if self._recipe.distillation is None or trainer.teacher is None:
            inputs = trainer.task.augment(trainer.data.train.inputs[chosen], self._generator)
            return self._prepared(inputs), targets, None
        views = torch.randint(len(trainer.teacher.views), (len(chosen),), generator=self._generator)
        outputs = trainer.teacher.outputs[views, chosen].to(trainer.precision.device)
        return self._prepared(trainer.teacher.views[views, chosen]), targets, outputs

    def _prepared(self, inputs: Tensor) -> Tensor:
        data = self._trainer.data
        shape = getattr(self._model, "input_shape", data.input_shape)
        return self._trainer.precision.inputs(prepare_inputs(data, inputs, shape))

    def _shuffled(self) -> Iterator[Tensor]:
        order = torch.randperm(len(self._trainer.data.train), generator=self._generator)
        yield from torch.split(order[: self._steps_per_epoch * self._batch], self._batch)

    def _pace(self, step: int) -> float:
        """Return the learning rate's factor: a linear rise, then half a cosine down to zero."""
        rise = max(1, round(self._settings.warm_up * self._steps))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self._steps - rise)))

    def _make_optimizer(self) -> torch.optim.Optimizer:
        decayed = [p for p in self._model.parameters() if p.dim() > 1]
        plain = [p for p in self._model.parameters() if p.dim() <= 1]
        return torch.optim.SGD(
            [
                {"params": decayed, "weight_decay": self._settings.weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=self._recipe.learning_rate,
            momentum=self._settings.momentum,
            nesterov=True,
        )

    def _first_quantized_step(self) -> int:
        if not (isinstance(self._model, Quantizable) and self._model.quantized):
            return -1
        return round((1 - self._settings.quantized_share) * self._steps)

    def _switch_quantization_on(self) -> None:
        assert isinstance(self._model, Quantizable)
        self._model.calibrate(self._calibration())
        self._model.quantization = True

    def _settle(self) -> None:
        """Give the trained weights the statistics of the whole sample, not of the last batches."""
        if isinstance(self._model, Quantizable):
            self._model.recalibrate_norms(self._calibration())

    def _calibration(self) -> Iterator[Tensor]:
        for number, chosen in enumerate(self._shuffled()):
            if number == self._settings.calibration_batches:
                return
            yield self._prepared(self._trainer.data.train.inputs[chosen])


def distillation_loss(outputs: Tensor, teacher: Tensor, how: Distillation) -> Tensor:
    """Return how far a student is from its teacher.

    For class scores ``[n, classes]``, the Kullback-Leibler divergence of the softened
    distributions, times the squared temperature (Hinton, Vinyals and Dean, 2015). For other
    outputs, the mean squared difference.
    """
    if outputs.dim() != 2:
        return F.mse_loss(outputs, teacher)
    softened = F.log_softmax(outputs / how.temperature, 1)
    target = F.log_softmax(teacher / how.temperature, 1)
    divergence = F.kl_div(softened, target, log_target=True, reduction="batchmean")
    return how.temperature**2 * divergence
