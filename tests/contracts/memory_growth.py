"""How the memory of a fresh process grows while candidates come and go.

    python -m tests.contracts.memory_growth NAME [--leak]

Prints JSON: bytes of resident memory that were added by candidates that were dropped, by those that
were kept, and with ``--leak`` by as many as were dropped when somebody keeps them all.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
import psutil
import torch

from tests.spaces.nets import calibrated, make
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import EVERYTHING

DROPPED, KEPT = 200, 50
_WARM_UP = 20
"""Until then most layers have been split once, and their factors are there for good."""


class Candidates:
    """Builds random candidates of one network, as a trial does up to its file."""

    def __init__(self, name: str) -> None:
        model, shape = make(name)
        self._space = CompressionSpace(model, torch.zeros(1, *shape), settings=EVERYTHING)
        self._rng = np.random.default_rng(0)
        self._factorize()

    def _factorize(self) -> None:
        """Split every layer once: factors belong to the baseline."""
        search = self._space.search_space
        ranks = [hparam for hparam in search.hparams if hparam.name.endswith(".rank")]
        self._space.build(search.from_choices({each.name: each.choices[-1] for each in ranks}))

    def growth(self, n: int, *, kept: list[Network] | None = None) -> int:
        """Return by how many bytes the process grows while ``n`` of them are built."""
        process, search = psutil.Process(), self._space.search_space
        before = process.memory_info().rss
        for row in search.random(n, self._rng):
            network = calibrated(self._space.build(search.candidate(row)), n=1)
            network.program()
            if kept is not None:
                kept.append(network)
        return int(process.memory_info().rss - before)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--leak", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    candidates, kept = Candidates(arguments.name), list[Network]()
    candidates.growth(_WARM_UP)
    grown = {
        "dropped": candidates.growth(DROPPED),
        "kept": candidates.growth(KEPT, kept=kept),
    }
    if arguments.leak:
        grown["leaked"] = candidates.growth(DROPPED, kept=kept)
    print(json.dumps(grown))  # noqa: T201


if __name__ == "__main__":
    main()
