"""How many candidates a second can be asked for their exact costs, on one core?

Random candidates with pruning, bits and ranks per layer; every static metric of each, asked of the
cost model that the search asks (after its tables are made) and of the blueprint that the tables are
made from and held to. Beside it: one surgery (a candidate is built and its parameters counted),
which is what a search without either would pay for the same answer, and the same with torch-pruning
where it is installed. Times are of the processor.

    taskset -c 0 python -m benchmarks.blueprint_speed [NAME ...]
"""

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
import torchvision

from benchmarks.torch_pruning_peer import HOW_TO_INSTALL, candidates_a_second, installed
from tightfit import FloatArray, IntArray
from tightfit.objectives.metrics import STATIC_METRICS, compute_static
from tightfit.objectives.metrics.tables import CostTables
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

NAMES = ("resnet18", "resnet50", "efficientnet_b0", "vit_b_16")
BATCH, PLAIN, ROUNDS = 32_768, 4096, 5


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
        started = time.process_time()
        tables = CostTables(space.blueprint, space.search_space, CPU, metrics=STATIC_METRICS)
        compiled = time.process_time() - started
        by_tables = fastest(partial(tables, batch))
        plain = batch[:PLAIN]
        by_blueprint = fastest(partial(costs_by_blueprint, space, plain))
        costs = tables(plain)
        for metric, values in costs_by_blueprint(space, plain).items():
            np.testing.assert_array_equal(costs[metric], values)
        candidate = space.search_space.candidate(batch[0])
        space.build(candidate)  # factors are computed once, by the first who needs them
        started = time.process_time()
        network = space.build(candidate)
        surgery = time.process_time() - started
        assert sum(each.numel() for each in network.parameters()) == int(costs["params"][0])
        print(
            f"{name}: {len(space.search_space)} hparams; {BATCH / by_tables:,.0f} a second by "
            f"tables ({compiled:.2f} s to make, {tables.bytes / 1e6:.1f} MB), "
            f"{PLAIN / by_blueprint:,.0f} by blueprints; one surgery {1000 * surgery:.0f} ms"
        )
        if installed():
            rate = candidates_a_second(model, torch.zeros(1, 3, 224, 224))
            print(f"{name}: {rate:.2f} a second by surgery and count with torch-pruning")


def costs_by_blueprint(space: CompressionSpace, batch: IntArray) -> Mapping[str, FloatArray]:
    """Return every static metric of a batch ``[n, hparams]``, each ``[n]``."""
    return compute_static(space.blueprint(batch), CPU)


def fastest(ask: Callable[[], object]) -> float:
    """Return the processor's seconds of the fastest of several calls."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        ask()
        times.append(time.process_time() - started)
    return min(times)


if __name__ == "__main__":
    main()
