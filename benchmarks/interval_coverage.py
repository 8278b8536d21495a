"""Do the intervals that an export states cover what they speak of as often as they say?

A small net is trained on a few thousand pictures of Fashion-MNIST and compressed. Then the same
member is exported twenty times, each time with another 300 pictures that nothing has touched as the
test split. The truth is what the member reaches on all 6,000 of them; each report states a 95 %
interval of the accuracy, and of the accuracy beside the baseline's on the same pictures.

    python benchmarks/interval_coverage.py [FOLDER]

Prints every interval, and how many cover the truth. Latencies are printed beside them: their truth
is not known, so that only their scatter is shown.
"""

import argparse
import shutil
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from tightfit import Interval
from tightfit.objectives.data import Data, Split
from tightfit.objectives.datasets import load_data
from tightfit.objectives.quality import outputs_of
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.studies import Result, compress
from tightfit.studies.export_report import Json
from tightfit.studies.exporting import export_member
from tightfit.studies.run_folder import RunFolder

TRAIN, VALIDATION = 2_500, 1_000
EXPORTS, PICTURES = 20, 300


@dataclass(frozen=True, slots=True)
class Coverage:
    """Twenty stated intervals of one number, and the number.

    Attributes:
        name: What is stated.
        truth: On all held-back pictures.
        intervals: One an export.
    """

    name: str
    truth: float
    intervals: tuple[Interval, ...]

    @property
    def covered(self) -> int:
        """How many hold the truth."""
        return sum(interval.holds(self.truth) for interval in self.intervals)


class Net(nn.Module):
    """Three convolutions and a classifier, for pictures of 1x28x28."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.second = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.third = nn.Conv2d(32, 32, 3, padding=1)
        self.head = nn.Linear(32, 10)

    def forward(self, inputs: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(inputs))))
        scores: Tensor = self.head(torch.relu(self.third(x)).mean((2, 3)))
        return scores


def measure_coverage(folder: Path) -> tuple[tuple[Coverage, ...], list[float]]:
    """Return the coverage of the accuracy and of its difference, and the latencies found.

    Args:
        folder: Gets the run and its exports.
    """
    everything = _all_pictures()
    result = _compressed(everything, folder / "run")
    held_back = everything.take(
        torch.arange(TRAIN + VALIDATION, TRAIN + VALIDATION + EXPORTS * PICTURES)
    )
    accuracies, differences, latencies = [], [], []
    for number in range(EXPORTS):
        rows = torch.arange(number * PICTURES, (number + 1) * PICTURES)
        report = _exported(result, held_back.take(rows), folder / f"export-{number}")
        accuracies.append(_interval(report["test_accuracy"]))
        differences.append(_interval(report["difference"]))
        claims = {claim["name"]: claim for claim in report["verified"]["claims"]}
        latencies.append(claims["latency / baseline"]["found"]["value"])
    member, baseline = _truths(result, held_back, folder)
    return (
        Coverage("accuracy", member, tuple(accuracies)),
        Coverage("accuracy beside the baseline", member - baseline, tuple(differences)),
    ), latencies


def _all_pictures() -> Split:
    data = load_data("fashion_mnist_10k", root=None, seed=0, study_folder=Path.cwd())
    splits = list(data.splits().values())
    return Split(
        torch.cat([split.inputs for split in splits]),
        torch.cat([split.targets for split in splits]),
    )


def _compressed(everything: Split, folder: Path) -> Result:
    """Return a run of a few quantized and pruned candidates of a net trained here."""
    train = everything.take(torch.arange(TRAIN))
    net = _trained(train)
    return compress(
        net,
        train,
        everything.take(torch.arange(TRAIN, TRAIN + VALIDATION)),
        everything.take(torch.arange(TRAIN + VALIDATION, len(everything))),
        constraints=["size_kb <= 0.4 * baseline"],
        trials=2,
        space={
            "pruning": {"per": "network", "ratios": [0.25, 0.5]},
            "quantization": {"per": "network", "bits": [4]},
            "schedule": {"epochs": [2]},
        },
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1, "batch_size": 64},
        folder=folder,
    )


def _trained(train: Split) -> nn.Module:
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    # As the search feeds it: standardized by the training split's own statistics.
    pixels = train.inputs.float() / 255
    pixels = (pixels - pixels.mean()) / pixels.std()
    for _ in range(12):
        for rows in torch.split(torch.randperm(len(train)), 64):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(pixels[rows]), train.targets[rows])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return net.eval()


def _exported(result: Result, split: Split, to: Path) -> Json:
    """Export the knee with another test split, from a copy of the run that has seen none."""
    copy = to.with_suffix(".run")
    shutil.copytree(result.results.folder, copy)
    RunFolder(copy).final.path.unlink(missing_ok=True)
    data: Data = replace(result.assembly.data, test=split)
    assembly = replace(result.assembly, data=data)
    return export_member(RunFolder(copy), pick="knee", to=to, assembly=assembly).report


def _truths(result: Result, held_back: Split, folder: Path) -> tuple[float, float]:
    """Return the accuracy of the member and of the baseline on all held-back pictures."""
    files = (folder / "export-0" / "model.onnx", folder / "export-0" / "proof" / "baseline.onnx")
    shares = []
    for file in files:
        data = result.assembly.data
        outputs = outputs_of(file, held_back, data=data, runtime=OnnxRuntime())
        shares.append(float((outputs.argmax(1) == held_back.targets).double().mean()))
    return shares[0], shares[1]


def _interval(values: Json) -> Interval:
    return Interval(values["low"], values["high"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="tightfit-coverage-"))
    found, latencies = measure_coverage(folder)
    for each in found:
        print(f"{each.name}: {each.truth:+.4f} on {EXPORTS * PICTURES:,} pictures")
        for interval in each.intervals:
            missed = "" if interval.holds(each.truth) else "  missed"
            print(f"  {interval.low:+.4f} to {interval.high:+.4f}{missed}")
        print(f"  {each.covered} of {len(each.intervals)} cover it")
    middle, spread = statistics.median(latencies), statistics.stdev(latencies)
    print(f"latency / baseline: median {middle:.3f}, standard deviation {spread:.3f}")


if __name__ == "__main__":
    main()
