"""A training begins with the weights of a candidate before, where these answer better."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from tightfit import Candidate, CandidateError, Start
from tightfit.objectives.calibration import (
    CALIBRATION_BATCH,
    Calibrated,
    calibration_batches,
    calibration_order,
    settle,
)
from tightfit.objectives.data import Data
from tightfit.objectives.task import Task

WEIGHTS_FILE = "model.safetensors"
"""What a candidate has learned, in its folder."""

Fitted: TypeAlias = Callable[[Candidate, Mapping[str, Tensor]], Mapping[str, Tensor]]
"""From a donor and its state to the network's state with as much of that as fits."""


def better_start(
    network: nn.Module,
    donors: Iterable[tuple[Candidate, Path]],
    *,
    fitted: Fitted,
    data: Data,
    task: Task,
) -> Start | None:
    """Give a network a donor's weights where its loss on training inputs is lower with them.

    The inputs are those of every calibration, the same for all candidates. The loss is that of the
    float network, as a training begins with it, after the statistics of norms were taken anew.

    Args:
        network: Settled; also :class:`Calibrated`. Where nothing is taken over it stays as it is.
        donors: Evaluated candidates and their folders; the first one that has weights counts.
        fitted: Puts a donor's weights into the network's state.
        data: Gives the inputs.
        task: Gives the loss.

    Returns:
        What was compared; ``None`` where no donor has weights, or they give no finite loss.
    """
    for donor, folder in donors:
        given = _weights(folder / WEIGHTS_FILE)
        if given is not None:
            return _compared(network, donor, fitted(donor, given), data, task)
    return None


def _compared(
    network: nn.Module, donor: Candidate, state: Mapping[str, Tensor], data: Data, task: Task
) -> Start | None:
    own = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    sliced = _loss(network, data, task)
    network.load_state_dict(state)
    try:
        settle(cast(Calibrated, network), data)
        found = _loss(network, data, task)
    except CandidateError:
        found = math.inf
    start = None
    if math.isfinite(found) and math.isfinite(sliced):
        start = Start(donor, found, sliced)
    if start is None or not start.inherited:
        network.load_state_dict(own)
    return start


@torch.no_grad()
def _loss(network: nn.Module, data: Data, task: Task) -> float:
    """Return the mean loss on the calibration inputs, in evaluation mode."""
    network.eval()
    order, total = calibration_order(data), 0.0
    batches = calibration_batches(cast(Calibrated, network), data)
    for chosen, inputs in zip(torch.split(order, CALIBRATION_BATCH), batches, strict=True):
        loss = task.penalty(network(inputs).float(), data.train.targets[chosen])
        total += len(chosen) * float(loss)
    return total / len(order)


def _weights(path: Path) -> dict[str, Tensor] | None:
    """Return what a file holds; ``None`` where it is gone, or is no such file."""
    try:
        return load_file(path)
    except (OSError, SafetensorError):
        return None
