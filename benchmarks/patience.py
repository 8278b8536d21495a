"""Where a search with patience ends, and what was still to be had then.

    python -m benchmarks.patience tabular --sampler greybox+prior+corner --seeds 0 4 --trials 150

For each seed one search that goes on to its end, whose kept expectations tell where each patience
would have ended it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import optuna

from benchmarks.problem import Problem, curve, truths
from benchmarks.samplers import NAME, PROBLEMS, own_search
from tightfit import FloatArray
from tightfit.search.ledger import Ledger
from tightfit.search.patience import LITTLE

PATIENCES = (5, 10, 20)


def searched(
    problem: Problem, name: str, seed: int, trials: int
) -> tuple[list[float | None], FloatArray]:
    """Return what each proposal was expected to add, and the share of the best hypervolume."""
    storage = optuna.storages.InMemoryStorage()
    own_search(problem, name, seed, storage=storage).run(trials=trials, patience=trials)
    ledger = Ledger(
        storage,
        NAME,
        space=problem.space,
        objectives=problem.objectives,
        constraints=problem.constraints,
    )
    batch = problem.space.batch([each.record.candidate for each in ledger.entries])
    return [each.gain for each in ledger.entries], curve(problem, truths(problem, batch))


def ended(gains: Sequence[float | None], patience: int) -> int | None:
    """Return after how many trainings a patience ends a search."""
    streak = 0
    for number, gain in enumerate(gains, start=1):
        streak = streak + 1 if gain is not None and gain < LITTLE else 0
        if streak == patience:
            return number
    return None


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--sampler", default="greybox+prior+corner")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 4))
    parser.add_argument("--trials", type=int, default=150)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    problem = PROBLEMS[arguments.problem]()
    for seed in range(*arguments.seeds):
        gains, shares = searched(problem, arguments.sampler, seed, arguments.trials)
        cells = []
        for patience in PATIENCES:
            at = ended(gains, patience)
            cells.append("-" if at is None else f"{at}: {100 * shares[at - 1]:.1f}")
        print(
            f"| {arguments.problem} | {arguments.sampler} | {seed} | {' | '.join(cells)} "
            f"| {100 * shares[-1]:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
