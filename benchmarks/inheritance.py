"""Does a candidate learn more from another trained one's weights than from the baseline's?

    python -m benchmarks.inheritance WORK [--pairs 12] [--differ bits|widths]

Pairs of candidates of the tabular benchmark: with the same widths, which differ in the bits of one
to three sites, or with the same bits, which differ by a step in the widths of one to three. The
first is trained as ever; the second once from the baseline's sliced weights and once as a study
with `training.inherit` would, from what the first has become where that has the lower loss, with
the same seed and the same training. Accuracy is that of the files on the 3,000 pictures of the
table. A third training, of the second candidate from the baseline with twice the epochs, tells what
the longer training alone is worth.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.tabular.make import Trainings
from tightfit import Candidate, IntArray, Recipe, Start
from tightfit.objectives.workshop import MODEL_FILE, FileWork

DIFFER = {"bits": ".bits", "widths": ".pruning_ratio"}


def trained(
    trainings: Trainings, row: IntArray, *, donor: Candidate | None = None, epochs: int = 1
) -> tuple[float, Start | None]:
    """Train a candidate, from another one's weights where these have the lower loss.

    Returns:
        The accuracy of its file, which stays with its weights, and what it could begin with.
    """
    bench = trainings.bench
    space = bench.space
    candidate = space.search_space.candidate(row)
    recipe = space.recipe(candidate)
    work = FileWork(
        bench.workshop,
        space.build(candidate),
        recipe=Recipe(epochs, recipe.learning_rate, recipe.distillation),
        folder=bench.folder.candidate(candidate),
        seed=0,
        origin=candidate.key,
    )
    work.build()
    start = work.inherit(candidate, [] if donor is None else [donor])
    work.train(lambda *_: None)
    work.score()
    return trainings.accuracy(bench.folder.candidate(candidate) / MODEL_FILE), start


def pairs(
    trainings: Trainings, count: int, hparams: str = "bits"
) -> list[tuple[IntArray, IntArray]]:
    """Draw candidates and neighbours that differ in one to three hparams of a kind."""
    space = trainings.space
    rng = np.random.default_rng(0)
    kind = [place for place, each in enumerate(space.hparams) if each.name.endswith(hparams)]
    found = []
    for parent in space.random(count, rng):
        child = parent.copy()
        for place in rng.choice(kind, size=int(rng.integers(1, 4)), replace=False):
            child[place] += 1 if child[place] == 0 else -1
        found.append((parent, child))
    return found


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--differ", choices=DIFFER, default="bits")
    arguments = parser.parse_args()
    trainings = Trainings(arguments.work)
    rows = []
    for parent, child in pairs(trainings, arguments.pairs, DIFFER[arguments.differ]):
        donor = trainings.space.candidate(parent)
        first, _ = trained(trainings, parent)
        sliced, _ = trained(trainings, child)
        inherited, start = trained(trainings, child, donor=donor)
        longer, _ = trained(trainings, child, epochs=2)
        rows.append((first, sliced, inherited, longer))
        losses = "" if start is None else f"loss {start.loss:.3f}, sliced {start.sliced_loss:.3f}"
        print(" | ".join([*(f"{100 * each:.1f}" for each in rows[-1]), losses]), flush=True)
    values = 100 * np.array(rows)
    for name, other in (("inherited", 2), ("longer", 3)):
        gains = values[:, other] - values[:, 1]
        error = gains.std(ddof=1) / np.sqrt(len(gains))
        print(f"{name} less sliced: {gains.mean():+.2f} ± {error:.2f} points")


if __name__ == "__main__":
    main()
