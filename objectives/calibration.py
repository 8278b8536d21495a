"""Statistics and ranges from calibration pictures: what a built network needs before it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from tightfit.objectives.data import Data
from tightfit.objectives.quality import prepare_inputs

CALIBRATION_PICTURES, CALIBRATION_BATCH = 512, 128


class Calibrated(Protocol):
    """A network whose statistics and ranges can be taken anew."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of the input that it wants, without the batch axis."""
        ...

    def recalibrate_norms(self, batches: Iterable[Tensor]) -> None:
        """Take the statistics of normalizations anew."""
        ...

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the ranges of quantized activations and the scales of quantized weights."""
        ...


def calibration_order(data: Data, inputs: int = CALIBRATION_PICTURES) -> Tensor:
    """Return numbers of training inputs to calibrate with, ``[inputs]``.

    The training split may be sorted by class: a fixed draw over all of it.
    """
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    return order[:inputs]


def settle(
    network: Calibrated, data: Data, *, inputs: int = CALIBRATION_PICTURES, norms: bool = True
) -> None:
    """Take a network's statistics and ranges from training inputs.

    Args:
        network: With any ranges.
        data: Of the study.
        inputs: How many are looked at.
        norms: Whether the statistics of norms are taken anew.

    Raises:
        CandidateError: An activation is not finite.
    """
    if norms:
        network.recalibrate_norms(calibration_batches(network, data, inputs=inputs))
    network.calibrate(calibration_batches(network, data, inputs=inputs))


def calibration_batches(
    network: Calibrated, data: Data, *, inputs: int = CALIBRATION_PICTURES, device: str = "cpu"
) -> Iterator[Tensor]:
    """Yield training inputs as a network wants them, the same ones every time."""
    for chosen in torch.split(calibration_order(data, inputs), CALIBRATION_BATCH):
        part = data.train.inputs[chosen].to(device)
        yield prepare_inputs(data, part, network.input_shape)
