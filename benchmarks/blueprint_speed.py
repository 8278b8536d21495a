"""How many candidates a second can be asked for their exact costs, on one core?

Random candidates with pruning, bits and ranks per layer; every static metric is computed for each.
Beside it: one surgery (a candidate is built and its parameters counted), which is what a search
without blueprints would pay for the same answer, and the same with torch-pruning where it is
installed.

    python benchmarks/blueprint_speed.py [NAME ...]
"""

import argparse
import time

import numpy as np
import torch
import torchvision
from torch_pruning_peer import HOW_TO_INSTALL, candidates_a_second, installed

from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

NAMES = ("resnet18", "resnet50", "efficientnet_b0", "vit_b_16")
BATCH, ROUNDS = 4096, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    torch.set_num_threads(1)
    settings = SpaceSettings(
        pruning=PruningSettings(),
        quantization=QuantizationSettings(),
        decomposition=DecompositionSettings(),
    )
    if not installed():
        print(HOW_TO_INSTALL)
    for name in parser.parse_args().names:
        model = torchvision.models.get_model(name).eval()
        space = CompressionSpace(model, torch.zeros(1, 3, 224, 224), settings=settings)
        batch = space.search_space.random(BATCH, np.random.default_rng(0))
        shapes, metrics = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            blueprint = space.blueprint(batch)
            totals = (blueprint.params, blueprint.macs)
            shapes.append(time.perf_counter() - started)
            compute_static(blueprint, CPU)
            metrics.append(time.perf_counter() - started)
        assert all(len(total) == BATCH for total in totals)
        candidate = space.search_space.candidate(batch[0])
        space.build(candidate)  # factors are computed once, by the first who needs them
        started = time.perf_counter()
        network = space.build(candidate)
        surgery = time.perf_counter() - started
        assert sum(each.numel() for each in network.parameters()) == int(totals[0][0])
        print(
            f"{name}: {len(space.search_space)} hparams; {BATCH / min(shapes):,.0f} a second with "
            f"parameters and MACs, {BATCH / min(metrics):,.0f} with every static metric; one "
            f"surgery {1000 * surgery:.0f} ms"
        )
        if installed():
            rate = candidates_a_second(model, torch.zeros(1, 3, 224, 224))
            print(f"{name}: {rate:.2f} a second by surgery and count with torch-pruning")


if __name__ == "__main__":
    main()
