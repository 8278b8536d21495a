"""How much worse a network is than another, on the same inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tightfit import Direction
from tightfit.objectives.data import Data
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import Task

_BLOCK, _TOGETHER = 16, 128


@dataclass(frozen=True, slots=True)
class Damage:
    """What a change costs, before or after training.

    Attributes:
        loss: By how much the loss is larger.
        stderr: Standard error of ``loss``, from paired differences over blocks of inputs.
        quality: By how much the score is worse, positive also where smaller scores are better.
    """

    loss: float
    stderr: float
    quality: float


class DamageMeter:
    """Compares networks with a reference on a sample of the validation split.

    Both see the same inputs in the same blocks, so that what makes an input easy or hard drops out
    of the difference.

    Args:
        data: Gives the sample.
        task: Gives loss and score.
        reference: In evaluation mode; left as it is.
        inputs: Size of the sample.
    """

    def __init__(self, data: Data, task: Task, reference: nn.Module, *, inputs: int) -> None:
        count = len(data.validation)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
        self._sample = data.validation.take(order[:inputs])
        self._data = data
        self._task = task
        self._losses, self._score = self._judge(reference)

    @property
    def inputs(self) -> int:
        """How many inputs are compared."""
        return len(self._sample)

    @property
    def loss(self) -> float:
        """The reference's mean loss."""
        return float(self._losses.mean())

    def __call__(self, network: nn.Module) -> Damage:
        """Return by how much ``network`` is worse than the reference.

        Raises:
            SpecError: The task's loss does not work on these outputs.
            MeasurementError: Its score does not.
        """
        losses, score = self._judge(network)
        gaps = losses - self._losses
        spread = float(gaps.std()) if len(gaps) > 1 else math.nan
        worse = score - self._score
        if self._task.metric.direction is Direction.MAXIMIZE:
            worse = -worse
        return Damage(float(gaps.mean()), spread / math.sqrt(len(gaps)), worse)

    @torch.no_grad()
    def _judge(self, network: nn.Module) -> tuple[Tensor, float]:
        """Return the loss of each block, ``[blocks]``, and the score of all."""
        losses, outputs = [], []
        for inputs, targets in self._blocks(network):
            found = network(inputs).float()
            outputs.append(found)
            parts = zip(torch.split(found, _BLOCK), torch.split(targets, _BLOCK), strict=True)
            losses += [self._task.penalty(*part) for part in parts]
        score, _ = self._task.measure(torch.cat(outputs), self._sample.targets)
        return torch.stack(losses).double(), score

    def _blocks(self, network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        shape = getattr(network, "input_shape", self._data.input_shape)
        for chosen in torch.split(torch.arange(self.inputs), _TOGETHER):
            part = self._sample.take(chosen)
            yield prepare_inputs(self._data, part.inputs, shape), part.targets
