"""Trained candidates in torch beside their files: do both say the same of each picture?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.objectives.learning import FLOAT, SmallNet, quiet
from tightfit import Candidate, Choice, Recipe
from tightfit.objectives.artifact import write_onnx
from tightfit.objectives.data import Data
from tightfit.objectives.models import load_model
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.objectives.seeding import seeded
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings
from tightfit.studies.vit import make_model

SPACE = SpaceSettings(
    pruning=PruningSettings("network", ratios=(0.0, 0.25)), quantization=QuantizationSettings()
)
OWN: dict[str, Callable[[], nn.Module]] = {
    "small": lambda: SmallNet(16),
    "vit": lambda: make_model(10),
}


@dataclass(frozen=True, slots=True)
class Parity:
    """One candidate, trained with rounding, on held-out pictures.

    Attributes:
        kept: Its accuracy as a share of the baseline's.
        same: On which pictures torch and the file name the same class, ``[N]``.
        distance: Largest difference of outputs, as a share of the largest output.
    """

    kept: float
    same: np.ndarray[tuple[int], np.dtype[np.bool_]]
    distance: float


def trained_baseline(name: str, data: Data, *, epochs: int) -> nn.Module:
    """Return a network that learned the embedded pictures from new weights."""
    with seeded(0):
        module = (
            OWN[name]()
            if name in OWN
            else load_model(
                f"torchvision:{name}",
                input_shape=data.input_shape,
                classes=10,
                folder=Path(),
                stem="small",
            )
        )
    recipe = Recipe(epochs, learning_rate=0.02 if name == "vit" else 0.1)
    return trainer(data)(module, recipe, seed=0, progress=quiet)


def parities(
    baseline: nn.Module, data: Data, path: Path, *, bits: tuple[str, ...], epochs: int
) -> Iterator[tuple[str, Parity]]:
    """Fine-tune candidates of one network and compare each with its file."""
    space = CompressionSpace(baseline, torch.zeros(1, *data.input_shape), settings=SPACE)
    reference = accuracy(baseline, data)
    for choice in bits:
        network = space.build(candidate(space, choice))
        trainer(data)(network, Recipe(epochs, 0.05), seed=0, progress=quiet)
        inputs = prepare_inputs(data, data.validation.inputs, network.input_shape)
        with torch.no_grad():
            expected = torch.cat([network(part) for part in torch.split(inputs, 250)]).numpy()
        write_onnx(network.program(), path, metadata={})
        found = predict(OnnxRuntime().open(path), inputs.numpy(), batch_size=250)
        correct = (found.argmax(1) == data.validation.targets.numpy()).mean()
        distance = np.abs(found - expected).max() / np.abs(expected).max()
        yield (
            choice,
            Parity(correct / reference, found.argmax(1) == expected.argmax(1), float(distance)),
        )


def candidate(space: CompressionSpace, bits: str) -> Candidate:
    """Return a pruned candidate: ``none``, all layers of ``8`` or ``4`` bits, or ``mixed``."""
    rng = np.random.default_rng(0)
    choices: dict[str, Choice] = {}
    for hparam in space.search_space.hparams:
        if hparam.name.endswith(".bits"):
            drawn = int(rng.choice([8, 4]))
            choices[hparam.name] = (
                None if bits == "none" else drawn if bits == "mixed" else int(bits)
            )
        elif hparam.name.endswith(".pruning_ratio"):
            choices[hparam.name] = 0.25
    return space.search_space.from_choices(choices)


def trainer(data: Data) -> Trainer:
    """Return what trains without autocast."""
    return Trainer(data=data, task=classification(), precision=FLOAT)


def accuracy(model: nn.Module, data: Data) -> float:
    """Return the share of held-out pictures that a network in torch is right about."""
    inputs = prepare_inputs(data, data.validation.inputs, data.input_shape)
    with torch.no_grad():
        outputs = torch.cat([model(part) for part in torch.split(inputs, 250)])
    return float((outputs.argmax(1) == data.validation.targets).float().mean())
