"""What does each part of quantization-aware training give, and what is plain quantization worth?

A small ResNet learns the embedded pictures, 1x28x28, in floats. Its weights then get 8, 4 and 2
bits (activations 8), with everything on, with each part switched off alone, and with all of them
off; the accuracy is that of the file, on the 3,000 held-out pictures, before and after the same
fine-tuning. Beside it stands onnxruntime's own `quantize_static` of the same float file (8 bits).

    python benchmarks/quantization.py [--epochs 2] [--seeds 1] [--bits 8 4 2] [--threads 1]

One line for each reading, then the table; no time is measured.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from tightfit import Recipe
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.calibration import calibration_order, settle
from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.devices import Precision
from tightfit.objectives.quality import prepare_inputs, score_file
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.objectives.seeding import seeded
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, RoundingSettings, SpaceSettings

ALL = RoundingSettings()
PARTS = tuple(field.name for field in fields(ALL))
NOTHING = RoundingSettings(**dict.fromkeys(PARTS, False))
VARIANTS = {
    "everything": RoundingSettings(**dict.fromkeys(PARTS, True)),
    **{
        f"without {part}": replace(RoundingSettings(**dict.fromkeys(PARTS, True)), **{part: False})
        for part in PARTS
    },
    "nothing": NOTHING,
}
WIDTHS = (16, 32, 64)


class Block(nn.Module):
    """Two convolutions beside a skip."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        stride = 1 if inner == outer else 2
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outer)
        self.skip = nn.Conv2d(inner, outer, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(y + self.skip(x))


def small_resnet() -> nn.Module:
    """Return a ResNet of three blocks, 78,000 weights, for pictures of 1x28x28."""
    first = WIDTHS[0]
    blocks = [Block(*pair) for pair in zip((first, *WIDTHS), WIDTHS, strict=False)]
    stem = [nn.Conv2d(1, first, 3, 2, 1, bias=False), nn.BatchNorm2d(first), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTHS[-1], 10)]
    return nn.Sequential(*stem, *blocks, *head)


class Bench:
    """The data, the trained float network, and what scores files."""

    def __init__(self, folder: Path, *, epochs: int, seed: int) -> None:
        whole = load_data("fashion_mnist_10k", root=None, seed=0, study_folder=Path())
        assert whole.test is not None
        parts = (whole.validation, whole.test)
        held_out = Split(
            torch.cat([part.inputs for part in parts]), torch.cat([part.targets for part in parts])
        )
        self.data: Data = make_data("bench", train=whole.train, validation=held_out, test=None)
        self._path = folder / "model.onnx"
        self._seed = seed
        with seeded(seed):
            module = small_resnet()
        self.module = self._trained(module, Recipe(epochs, 0.1))

    def space(self, bits: int, rounding: RoundingSettings) -> CompressionSpace:
        """Return a space in which every layer may have ``bits``."""
        settings = QuantizationSettings("network", (None, bits), rounding=rounding)
        return CompressionSpace(
            self.module,
            torch.zeros(1, 1, 28, 28),
            settings=SpaceSettings(quantization=settings),
        )

    def accuracy(self, model: Network) -> float:
        """Return the accuracy of a network's file, in per cent."""
        write_onnx(model.program(), self._path, metadata={})
        return self.file_accuracy(self._path)

    def file_accuracy(self, path: Path) -> float:
        reading = score_file(
            path,
            self.data.validation,
            data=self.data,
            task=classification(),
            runtime=OnnxRuntime(),
        )
        return 100 * reading.value

    def readings(self, bits: int, rounding: RoundingSettings, epochs: int) -> tuple[float, float]:
        """Return the accuracy in per cent before and after fine-tuning."""
        space = self.space(bits, rounding)
        network = space.build(space.search_space.from_choices({"network.bits": bits}))
        settle(network, self.data)
        order = calibration_order(self.data)
        network.correct_biases(
            prepare_inputs(self.data, self.data.train.inputs[order], network.input_shape)
        )
        before = self.accuracy(network)
        network = space.build(space.search_space.from_choices({"network.bits": bits}))
        trained = self._trained(network, Recipe(epochs, 0.02))
        assert isinstance(trained, Network)
        return before, self.accuracy(trained)

    def static(self) -> tuple[float, float]:
        """Return the accuracy of the float file and of onnxruntime's quantization of it."""
        network = self.space(8, NOTHING).baseline_network()
        float_accuracy = self.accuracy(network)
        inputs = self.data.train.inputs[calibration_order(self.data)]
        pictures = prepare_inputs(self.data, inputs, (1, 28, 28)).numpy()
        quantized = self._path.with_name("static.onnx")
        quantize_static(
            self._path,
            quantized,
            _Pictures(pictures, network.graph.inputs[0]),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        return float_accuracy, self.file_accuracy(quantized)

    def _trained(self, module: nn.Module, recipe: Recipe) -> nn.Module:
        trainer = Trainer(
            data=self.data, task=classification(), precision=Precision("cpu", bfloat16=False)
        )
        return trainer(module, recipe, seed=self._seed, progress=lambda *_: None)


class _Pictures:
    """Gives the calibration pictures: a CalibrationDataReader by its method alone."""

    def __init__(self, pictures: np.ndarray, name: str) -> None:
        self._batches: Iterator[np.ndarray] = iter(np.array_split(pictures, 16))
        self._name = name

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--baseline-epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 4, 2])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(given.seeds):
            bench = Bench(Path(folder), epochs=given.baseline_epochs, seed=seed)
            plain, static = bench.static()
            print(f"seed {seed}: float {plain:.1f} %, quantize_static {static:.1f} %", flush=True)
            for bits in given.bits:
                for name, rounding in VARIANTS.items():
                    pair = bench.readings(bits, rounding, given.epochs)
                    found.setdefault((bits, name), []).append(pair)
                    print(f"{bits} bits, {name}: {pair[0]:.1f} -> {pair[1]:.1f} %", flush=True)
    print("\n| variant | " + " | ".join(f"{bits} bits" for bits in given.bits) + " |")
    print("| --- |" + " --- |" * len(given.bits))
    for name in VARIANTS:
        cells = [
            [mean(column) for column in zip(*found[bits, name], strict=True)] for bits in given.bits
        ]
        print(f"| {name} | " + " | ".join(f"{a:.1f}, then {b:.1f}" for a, b in cells) + " |")


if __name__ == "__main__":
    main()
