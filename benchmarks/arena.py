"""The arena of TensorFlow Lite Micro, by the blueprint and by bisection.

    python -m benchmarks.arena [--random 6]

Networks without training, for an arena does not depend on it: with 8 and with 4 bits everywhere,
then random candidates of pruning, bits, decomposition and depth together.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from tests.micro_nets import MICRO_NETS, micro_net
from tests.spaces.nets import calibrated, everywhere
from tightfit import Candidate
from tightfit.objectives.artifact.litert import write_litert
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import MICROCONTROLLER
from tightfit.objectives.runtimes.litert_micro import arena_kb
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

SETTINGS = SpaceSettings(
    pruning=PruningSettings(align=1),
    quantization=QuantizationSettings(bits=(8, 4, 2), integer_only=True),
    decomposition=DecompositionSettings(),
    depth=DepthSettings(),
)


def candidates(space: CompressionSpace, n: int) -> Iterator[tuple[str, Candidate]]:
    """Give candidates with what they are called."""
    for bits in (8, 4):
        yield f"{bits} bits", everywhere(space, "bits", bits)
    rows = space.search_space.random(n, np.random.default_rng(0))
    for number, row in enumerate(rows):
        yield f"random {number}", Candidate(tuple(map(int, row)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", type=int, default=6, help="random candidates of each network")
    parser.add_argument("--only", action="append", choices=MICRO_NETS, help="one network")
    n = parser.parse_args().random
    print("| network | candidate | arena, kB | `ram_kb` | off by | file, kB |")
    print("| --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        for name in parser.parse_args().only or MICRO_NETS:
            model, shape = micro_net(name)
            space = CompressionSpace(model, torch.zeros(1, *shape), settings=SETTINGS)
            for called, candidate in candidates(space, n):
                size = write_litert(calibrated(space.build(candidate)).program(), path, metadata={})
                found = arena_kb(path).value
                blueprint = space.blueprint(np.array([candidate.indices]))
                told = float(compute_static(blueprint, MICROCONTROLLER)["ram_kb"][0])
                off = told / found - 1
                worst = max(worst, abs(off))
                cells = (name, called, f"{found:.1f}", f"{told:.1f}", f"{off:+.2%}")
                print(f"| {' | '.join(cells)} | {size / 1000:.1f} |", flush=True)
    print(f"\nThe largest distance is {worst:.2%}.")


if __name__ == "__main__":
    main()
