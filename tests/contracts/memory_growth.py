"""How the memory of a fresh process grows while candidates come and go.

    python -m tests.contracts.memory_growth NAME [--leak]

Prints JSON: bytes of resident memory that were added by candidates that were dropped, by those that
were kept, and with ``--leak`` by as many as were dropped when somebody keeps them all.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import get_args

import numpy as np
import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import calibrated, make, pictures
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.evidence import Evidence
from tightfit.spaces.network import Network
from tightfit.spaces.pruning import CRITERION
from tightfit.spaces.settings import EVERYTHING, Criterion, PruningSettings, SpaceSettings

DROPPED, KEPT = 200, 50
_WARM_UP = 20
_PICTURES = 8

_NORMALIZATIONS = (nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def settings(model: nn.Module) -> SpaceSettings:
    """Return all that looks at the baseline, and might keep what it found for a candidate."""
    normalized = any(isinstance(module, _NORMALIZATIONS) for module in model.modules())
    criteria = [name for name in get_args(Criterion) if normalized or name != "norm_scale"]
    return replace(EVERYTHING, pruning=PruningSettings(criteria=tuple(criteria), correct=True))


class Candidates:
    """Builds random candidates of one network, as a trial does up to its file."""

    def __init__(self, name: str) -> None:
        model, shape = make(name)

        def take(chosen: Tensor) -> tuple[Tensor, Tensor]:
            return pictures(shape, len(chosen)), chosen % 2

        self._space = CompressionSpace(
            model,
            torch.zeros(1, *shape),
            settings=settings(model),
            evidence=Evidence(_PICTURES, take, F.cross_entropy),
        )
        self._rng = np.random.default_rng(0)
        self._prepare()

    def _prepare(self) -> None:
        """Have computed once what belongs to the baseline: its factors, and orders of channels."""
        search = self._space.search_space
        strongest = {hparam.name: hparam.choices[-1] for hparam in search.hparams}
        for criterion in search.hparams[search.column(CRITERION)].choices:
            self._space.build(search.from_choices({**strongest, CRITERION: criterion}))

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
