"""Does a candidate learn more from another trained one's weights than from the baseline's?

    python -m benchmarks.inheritance WORK [--pairs 12]

Pairs of candidates of the tabular benchmark with the same widths, which differ in the bits of one
to three sites: the first is trained as ever; the second once from the baseline's sliced weights and
once from what the first has become, with the same seed and the same training. Accuracy is that of
the files on the 3,000 pictures of the table. A third training, of the second candidate from the
baseline with twice the epochs, tells what the longer training alone is worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from torch import Tensor

from benchmarks.tabular.make import Trainings
from tightfit import IntArray, Recipe
from tightfit.objectives.workshop import MODEL_FILE, FileWork


def trained(
    trainings: Trainings, row: IntArray, start: dict[str, Tensor] | None, *, epochs: int = 1
) -> tuple[float, dict[str, Tensor]]:
    """Train a candidate, from other weights where they are given.

    Returns:
        The accuracy of its file, and its weights.
    """
    bench = trainings.bench
    space = bench.space
    candidate = space.search_space.candidate(row)
    recipe = space.recipe(candidate)
    work = FileWork(
        bench.workshop,
        space.build(candidate),
        recipe=Recipe(epochs, recipe.learning_rate, recipe.distillation),
        folder=bench.folder.candidates / candidate.key,
        seed=0,
        origin=candidate.key,
    )
    if start is not None:
        own = work.model.state_dict()
        fitting = {
            name: tensor
            for name, tensor in start.items()
            if name in own and own[name].shape == tensor.shape
        }
        work.model.load_state_dict({**own, **fitting})
    work.build()
    work.train(lambda *_: None)
    work.score()
    accuracy = trainings.accuracy(bench.folder.candidates / candidate.key / MODEL_FILE)
    state = {name: tensor.clone() for name, tensor in work.model.state_dict().items()}
    work.discard()
    return accuracy, state


def pairs(trainings: Trainings, count: int) -> list[tuple[IntArray, IntArray]]:
    """Draw candidates and neighbours with other bits."""
    space = trainings.space
    rng = np.random.default_rng(0)
    bits = [place for place, each in enumerate(space.hparams) if each.name.endswith(".bits")]
    found = []
    for parent in space.random(count, rng):
        child = parent.copy()
        for place in rng.choice(bits, size=int(rng.integers(1, 4)), replace=False):
            child[place] = 1 - child[place]
        found.append((parent, child))
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--pairs", type=int, default=12)
    arguments = parser.parse_args()
    trainings = Trainings(arguments.work)
    rows = []
    for parent, child in pairs(trainings, arguments.pairs):
        first, weights = trained(trainings, parent, None)
        sliced, _ = trained(trainings, child, None)
        inherited, _ = trained(trainings, child, weights)
        longer, _ = trained(trainings, child, None, epochs=2)
        rows.append((first, sliced, inherited, longer))
        print(" | ".join(f"{100 * each:.1f}" for each in rows[-1]), flush=True)
    values = 100 * np.array(rows)
    for name, other in (("inherited", 2), ("longer", 3)):
        gains = values[:, other] - values[:, 1]
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        print(f"{name} less sliced: {gains.mean():+.2f} ± {error:.2f} points")


if __name__ == "__main__":
    main()
