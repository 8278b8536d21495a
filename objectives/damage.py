"""How much worse a network is than another, on the same inputs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tightfit import Direction
from tightfit.objectives.data import Data
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import Task

_BLOCK, _FEWEST_BLOCKS, _TOGETHER = 16, 8, 128


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
        self._block = max(1, min(_BLOCK, self.inputs // _FEWEST_BLOCKS))
        sizes = [len(each) for part in self._parts() for each in torch.split(part, self._block)]
        self._weights = torch.tensor(sizes, dtype=torch.float64) / self.inputs
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
        return float(self._weights @ self._losses)

    def __call__(self, network: nn.Module) -> Damage:
        """Return by how much ``network`` is worse than the reference.

        Raises:
            SpecError: The task's loss does not work on these outputs.
            MeasurementError: Its score does not.
        """
        losses, score = self._judge(network)
        gaps = losses - self._losses
        gap = float(self._weights @ gaps)
        worse = score - self._score
        if self._task.metric.direction is Direction.MAXIMIZE:
            worse = -worse
        return Damage(gap, _stderr(gaps - gap, self._weights), worse)

    @torch.no_grad()
    def _judge(self, network: nn.Module) -> tuple[Tensor, float]:
        """Return the loss of each block, ``[blocks]``, and the score of all."""
        shape = getattr(network, "input_shape", self._data.input_shape)
        losses, outputs = [], []
        for chosen in self._parts():
            part = self._sample.take(chosen)
            found = network(prepare_inputs(self._data, part.inputs, shape)).float()
            outputs.append(found)
            blocks = (torch.split(each, self._block) for each in (found, part.targets))
            losses += [self._task.penalty(*block) for block in zip(*blocks, strict=True)]
        score, _ = self._task.measure(torch.cat(outputs), self._sample.targets)
        return torch.stack(losses).double(), score

    def _parts(self) -> tuple[Tensor, ...]:
        """Return the numbers of the inputs that go through a network together."""
        return torch.split(torch.arange(self.inputs), _TOGETHER)


def _stderr(residuals: Tensor, weights: Tensor) -> float:
    """Return the standard error of a weighted mean, from its blocks' distances from it."""
    blocks = len(residuals)
    if blocks < 2:
        return math.nan
    return math.sqrt(blocks / (blocks - 1) * float((weights * residuals).square().sum()))
