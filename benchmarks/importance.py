"""Which channels should go, and does making up for them help?

The quickstart's ResNet-18 loses half and three quarters of its channels by each criterion. Accuracy
on the validation split: with the statistics of its norms taken anew (a), with the layers that read
removed channels corrected as well (b), and both after a short training (c, d). Beside the criteria,
a random order.

    python benchmarks/importance.py [--ratios 0.5 0.75] [--epochs 1] [--threads 2]
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args

import torch
from torch import Tensor, nn

from tightfit import Recipe
from tightfit.objectives.calibration import settle
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import accuracy
from tightfit.spaces import importance
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import Criterion, PruningSettings, SpaceSettings
from tightfit.spaces.sites import ChannelGroup
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.study_file import find_study, read_study

LEARNING_RATE = 0.05
RANDOM = "random"


def reached(assembly: Assembly, network: nn.Module) -> float:
    """Return the accuracy on the validation split."""
    data = assembly.data
    outputs = []
    with torch.no_grad():
        for chosen in torch.split(torch.arange(len(data.validation)), 250):
            part = data.validation.take(chosen)
            outputs.append(network(prepare_inputs(data, part.inputs, data.input_shape)))
    return accuracy(torch.cat(outputs), data.validation.targets)[0]


def pruned(assembly: Assembly, criterion: Criterion, ratio: float, *, correct: bool) -> Network:
    """Return the pruned baseline with its statistics taken anew."""
    settings = PruningSettings(
        per="network", ratios=(ratio,), criteria=(criterion,), correct=correct
    )
    space = CompressionSpace(
        assembly.model.module,
        assembly.example,
        settings=SpaceSettings(pruning=settings),
        evidence=assembly.evidence,
    )
    network = space.build(space.search_space.baseline())
    settle(network, assembly.data)
    return network


@contextmanager
def random_order() -> Iterator[None]:
    """Let the criterion 'l1' mean nothing inside."""
    before = importance.CRITERIA
    importance.CRITERIA = {**before, "l1": in_random_order}
    try:
        yield
    finally:
        importance.CRITERIA = before


def in_random_order(_view: importance.View, group: ChannelGroup) -> Tensor:
    """Return importances that mean nothing."""
    generator = torch.Generator().manual_seed(sum(map(ord, group.name)))
    return torch.rand(group.width, generator=generator)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.5, 0.75])
    parser.add_argument("--criteria", nargs="+", default=[*get_args(Criterion), RANDOM])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    assembly = assemble(read_study(find_study("quickstart"), ()))
    trainer = assembly.trainer(None)
    recipe = Recipe(args.epochs, LEARNING_RATE)
    print(f"baseline {reached(assembly, assembly.model.module):.4f}")
    print(
        "| ratio | criterion | (a) norms | (b) corrected | (c) = (a) trained | (d) = (b) trained |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for ratio in args.ratios:
        for criterion in args.criteria:
            cells = {}
            for correct in (False, True):
                if criterion == RANDOM:
                    with random_order():
                        network = pruned(assembly, "l1", ratio, correct=correct)
                else:
                    network = pruned(assembly, criterion, ratio, correct=correct)
                cells[correct, False] = reached(assembly, network)
                trained = trainer(network, recipe, seed=0, progress=lambda *_: None)
                cells[correct, True] = reached(assembly, trained)
            shown = " | ".join(
                f"{100 * cells[correct, trained]:.1f}"
                for trained in (False, True)
                for correct in (False, True)
            )
            print(f"| {100 * ratio:g} % | {criterion} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
