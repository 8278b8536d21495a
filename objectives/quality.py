"""The quality of a file on a split: what the learned stage reads."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit import Kind, Reading, SpecError, Stage
from tightfit.objectives.data import Data, Split
from tightfit.objectives.runtimes import Runtime, predict
from tightfit.objectives.task import Task

BATCH = 250


def prepare_inputs(data: Data, inputs: Tensor, input_shape: tuple[int, ...]) -> Tensor:
    """Return inputs as a network wants them: normalized, and of its size.

    Args:
        data: Gives mean and standard deviation.
        inputs: ``[n, C, ...]`` as the data set holds them.
        input_shape: What the network wants, without the batch axis; pictures of another side are
            resized bilinearly, with antialiasing.

    Raises:
        SpecError: The inputs are no pictures, or have other channels, and so cannot be resized.
    """
    normalized = data.normalize(inputs)
    if tuple(normalized.shape[1:]) == tuple(input_shape):
        return normalized
    if normalized.dim() != 4 or len(input_shape) != 3 or normalized.shape[1] != input_shape[0]:
        raise SpecError(
            f"inputs of shape {list(normalized.shape[1:])} cannot be brought to "
            f"{list(input_shape)}: only the sides of pictures [C, H, W] can change"
        )
    return F.interpolate(
        normalized, size=input_shape[1:], mode="bilinear", antialias=True, align_corners=False
    )


def score_file(
    path: Path, split: Split, *, data: Data, task: Task, runtime: Runtime, batch: int = BATCH
) -> Reading:
    """Run a file on a split and return its quality.

    Raises:
        MeasurementError: The file does not run, or the score does not work.
    """
    return quality_of(outputs_of(path, split, data=data, runtime=runtime, batch=batch), split, task)


def outputs_of(
    path: Path, split: Split, *, data: Data, runtime: Runtime, batch: int = BATCH
) -> Tensor:
    """Return what a file answers on a split, ``[N, ...]``.

    Raises:
        MeasurementError: The file does not run.
    """
    session = runtime.open(path)
    shape = session.input_shapes[0]
    outputs = [
        torch.from_numpy(predict(session, prepare_inputs(data, part, shape).numpy()))
        for part in torch.split(split.inputs, batch)
    ]
    return torch.cat(outputs)


@torch.no_grad()
def score_network(
    network: nn.Module,
    split: Split,
    *,
    input_shape: tuple[int, ...],
    data: Data,
    task: Task,
    device: str = "cpu",
) -> Reading:
    """Let a network that is on a device answer a split, and return its quality.

    Raises:
        MeasurementError: The score does not work.
    """
    outputs = [
        network(prepare_inputs(data, part.to(device), input_shape)).float().cpu()
        for part in torch.split(split.inputs, BATCH)
    ]
    return quality_of(torch.cat(outputs), split, task)


def quality_of(outputs: Tensor, split: Split, task: Task) -> Reading:
    """Return the quality of answers ``[N, ...]`` to a split.

    Raises:
        MeasurementError: The score does not work.
    """
    value, stderr = task.measure(outputs, split.targets)
    return Reading(
        value,
        kind=Kind.MEASURED,
        stage=Stage.LEARNED,
        stderr=stderr,
        repeats=len(split),
        answers=task.right is not None,
    )
