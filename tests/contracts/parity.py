"""Trained candidates in torch beside their files: do both say the same of each picture?

Weights are kept in a folder, so that a comparison that was interrupted goes on, and can be made
again without training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from tests.objectives.learning import FLOAT, SmallNet, quiet
from tightfit import Candidate, Choice, Recipe
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.data import Data, make_data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.models import load_model
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.objectives.seeding import seeded
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer, TrainingSettings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings
from tightfit.studies.vit import make_model

ARCHITECTURES = (
    "small", "shufflenet_v2_x0_5", "regnet_x_400mf", "mobilenet_v3_small", "mobilenet_v2",
    "regnet_y_400mf", "vit", "mnasnet0_5", "resnet18", "googlenet", "efficientnet_b0",
    "densenet121",
)  # fmt: skip
"""The quickest to train first."""

KINDS: Mapping[str, tuple[int, ...]] = {"8": (8,), "mixed": (8, 4, 2)}
"""Candidates by the bits of their layers, one drawn for each."""

POOLED, EACH = 0.995, 0.99
"""Least agreement over all candidates together, and of each."""
KEPT = 0.8
"""Least share of the baseline's accuracy: of networks that guess, agreement would mean nothing."""
FLOAT_DISTANCE = 1e-4

BATCH = 32
_CALIBRATION = 512

Outputs: TypeAlias = npt.NDArray[np.float32]
"""``[N, classes]``"""

_SPACE = SpaceSettings(
    pruning=PruningSettings("network", ratios=(0.0, 0.25)),
    quantization=QuantizationSettings(bits=(None, 8, 4, 2)),
)
_OWN: dict[str, Callable[[], nn.Module]] = {
    "small": lambda: SmallNet(16),
    "vit": lambda: make_model(10),
}


@dataclass(frozen=True, slots=True)
class Length:
    """Pictures to learn from, and epochs of baseline and candidates."""

    pictures: int = 2000
    baseline: int = 3
    candidate: int = 2


@dataclass(frozen=True, slots=True)
class Parity:
    """One network on held-out pictures, in torch and as a file.

    Attributes:
        name: Of the architecture.
        kind: Of the candidate; ``float`` for the baseline itself.
        baseline: Accuracy of the baseline.
        accuracy: Of the file.
        same: On how many pictures both name the same class.
        pictures: In all.
        distance: Largest difference of outputs, as a share of the largest output.
    """

    name: str
    kind: str
    baseline: float
    accuracy: float
    same: int
    pictures: int
    distance: float

    @property
    def kept(self) -> float:
        """The accuracy as a share of the baseline's."""
        return self.accuracy / self.baseline

    @property
    def agreement(self) -> float:
        """The share of pictures on which both name the same class."""
        return self.same / self.pictures


def embedded(length: Length) -> Data:
    """Return embedded pictures: some to learn from, and the 1,500 of the validation split."""
    whole = load_data("fashion_mnist_10k", root=None, seed=0, study_folder=Path())
    train = whole.train.take(torch.arange(length.pictures))
    return make_data("parity", train=train, validation=whole.validation, test=None)


class Comparison:
    """One architecture: its baseline, its candidates, and their files.

    Args:
        name: One of :data:`ARCHITECTURES`.
        data: To learn from and to compare on.
        length: Of the trainings.
        folder: Keeps weights and the file.
    """

    def __init__(self, name: str, data: Data, *, length: Length, folder: Path) -> None:
        self.name = name
        self._length = length
        self._folder = folder
        self._trainer = Trainer(
            data=data,
            task=classification(),
            precision=FLOAT,
            settings=TrainingSettings(
                batch_size=BATCH, optimizer="adamw" if name == "vit" else "sgd"
            ),
        )
        with seeded(0):
            fresh = _OWN[name]() if name in _OWN else _published(name, data)
        rate = 0.002 if name == "vit" else 0.1
        self.baseline = self._trained(fresh, "float", Recipe(length.baseline, rate))
        # Some networks' norms forget so slowly that few steps leave them where they began.
        seen = prepare_inputs(data, data.train.inputs[:_CALIBRATION], data.input_shape)
        update_bn(torch.split(seen, BATCH), self.baseline)
        self.baseline.eval()
        self._inputs = prepare_inputs(data, data.validation.inputs, data.input_shape)
        self._targets = data.validation.targets.numpy()
        self._baseline_accuracy = self._share_right(outputs(self.baseline, self._inputs))
        self.space = CompressionSpace(
            self.baseline, torch.zeros(1, *data.input_shape), settings=_SPACE
        )

    def candidate(self, kind: str) -> Network:
        """Return a trained candidate of one of :data:`KINDS`, its channels pruned by a quarter."""
        network = self.space.build(_candidate(self.space, KINDS[kind]))
        rate = 0.0005 if self.name == "vit" else 0.05
        trained = self._trained(network, kind, Recipe(self._length.candidate, rate))
        assert isinstance(trained, Network)
        return trained

    def parity(self, kind: str) -> Parity:
        """Compare a candidate of one of :data:`KINDS`, or the baseline (``float``)."""
        network = self.space.baseline_network() if kind == "float" else self.candidate(kind)
        path = self._folder / f"{self.name}.{kind}.onnx"
        write_onnx(network.program(), path, metadata={})
        expected = outputs(network.eval(), self._inputs)
        found = predict(OnnxRuntime().open(path), self._inputs.numpy(), batch_size=250)
        return Parity(
            name=self.name,
            kind=kind,
            baseline=self._baseline_accuracy,
            accuracy=self._share_right(found),
            same=int((found.argmax(1) == expected.argmax(1)).sum()),
            pictures=len(found),
            distance=float(np.abs(found - expected).max() / np.abs(expected).max()),
        )

    def _share_right(self, found: Outputs) -> float:
        return float((found.argmax(1) == self._targets).mean())

    def _trained(self, module: nn.Module, kind: str, recipe: Recipe) -> nn.Module:
        path = self._folder / f"{self.name}.{kind}.safetensors"
        if not path.exists():
            trained = self._trainer(module, recipe, seed=0, progress=quiet)
            state = {key: each.contiguous() for key, each in trained.state_dict().items()}
            save_file(state, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)
        state = module.state_dict()  # with versions, which some networks ask for
        state.update(load_file(path))
        module.load_state_dict(state)
        if isinstance(module, Network):
            module.mark_calibrated()
            module.quantization = True
        return module.eval()


@torch.no_grad()
def outputs(model: nn.Module, inputs: Tensor) -> Outputs:
    """Return what a network in torch answers, ``[N, classes]``."""
    return torch.cat([model(part) for part in torch.split(inputs, 250)]).numpy()


def _published(name: str, data: Data) -> nn.Module:
    return load_model(
        f"torchvision:{name}",
        input_shape=data.input_shape,
        classes=10,
        folder=Path(),
        stem="small",
    )


def _candidate(space: CompressionSpace, bits: tuple[int, ...]) -> Candidate:
    rng = np.random.default_rng(0)
    choices: dict[str, Choice] = {}
    for hparam in space.search_space.hparams:
        if hparam.name.endswith(".bits"):
            choices[hparam.name] = int(rng.choice(bits))
        elif hparam.name.endswith(".pruning_ratio"):
            choices[hparam.name] = 0.25
    return space.search_space.from_choices(choices)
