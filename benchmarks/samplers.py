"""Compares samplers on problems whose best front is known: a synthetic one, and trained ones.

    python -m benchmarks.samplers run tabular synthetic --seeds 10 20 --to curves.jsonl
    python -m benchmarks.samplers table curves.jsonl

Problems are `synthetic`, that of the tests; `tabular`, 2,048 candidates of a small network, all of
which were trained (`benchmarks/tabular`); the cases of `benchmarks/adverse.py`; and those of
`benchmarks/per_layer.py`, residual networks with 21 to 209 hparams. What the file has of a problem,
sampler and seed is not run again. The project's own samplers propose only candidates within the
static limits. A name that begins with ``optuna:`` is that sampler in a plain study, as a user
writes it: values and constraints are told, and what breaks a limit has been trained for nothing.
``+prior`` is told what single choices damage, ``+corner`` the reference point too. One thread each.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.adverse import CASES, Adverse
from benchmarks.per_layer import CASES as NETWORKS
from benchmarks.per_layer import PerLayer
from benchmarks.problem import Answers, Problem, Values, curve, truths
from benchmarks.synthetic import Synthetic
from benchmarks.tabular.problem import Tabular
from tightfit import Evaluator, FloatArray
from tightfit.search import Search, SearchOutcome

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "synthetic": Synthetic,
    "tabular": Tabular,
    **{case: partial(Adverse, case) for case in CASES},
    **{case: partial(PerLayer, case) for case in NETWORKS},
}
SAMPLERS = (
    *("greybox+prior", "greybox", "gp", "tpe", "nsga2", "random"),
    *("optuna:tpe", "optuna:nsga2", "optuna:random", "optuna:gp"),
)
AT = (10, 25, 50, 100, 200)
NAME = "samplers"
"""Of a search in its storage."""

ENOUGH = (0.80, 0.90, 0.95)


@cache
def made(problem: str) -> Problem:
    """Return a problem by its name, whose best front is looked for once."""
    return PROBLEMS[problem]()


def own_search(
    problem: Problem,
    name: str,
    seed: int,
    *,
    evaluator: Evaluator | None = None,
    storage: optuna.storages.BaseStorage | None = None,
) -> Search:
    """Return a search by one of the project's own samplers; its storage is in memory by default."""
    sampler, *extras = name.split("+")
    return Search(
        space=problem.space,
        costs=problem.costs,
        constraints=problem.constraints,
        objectives=problem.objectives,
        evaluator=evaluator or Answers(problem, seed),
        storage=storage or optuna.storages.InMemoryStorage(),
        name=NAME,
        fingerprint="f",
        sampler=sampler,
        seed=seed,
        damage=problem.prior(seed) if "prior" in extras else None,
        corner=problem.corner.tolist() if "corner" in extras else None,
    )


def searched(problem: Problem, name: str, seed: int, trials: int) -> SearchOutcome:
    """Return what one of the project's own samplers comes to."""
    return own_search(problem, name, seed).run(trials=trials)


def own_curve(problem: Problem, name: str, seed: int, trials: int) -> FloatArray:
    """Return the share of the best hypervolume after each training, ``[trials]``."""
    records = searched(problem, name, seed, trials).records
    batch = problem.space.batch([each.candidate for each in records])
    found = curve(problem, truths(problem, batch))
    # Where all that the limits leave was trained, nothing more is found.
    return np.pad(found, (0, trials - len(found)), mode="edge")


def plain_curve(problem: Problem, name: str, seed: int, trials: int) -> FloatArray:
    """Return the same of a sampler of Optuna's in a study of ten lines."""
    samplers = {
        "tpe": optuna.samplers.TPESampler,
        "gp": optuna.samplers.GPSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
        "random": optuna.samplers.RandomSampler,
    }
    directions = [optuna.study.StudyDirection[each.direction.name] for each in problem.objectives]
    study = optuna.create_study(directions=directions, sampler=samplers[name](seed=seed))
    trained: list[Values] = []

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        read, true = problem.asked(trial, seed)
        trained.append(true)
        for constraint in problem.constraints:
            trial.set_constraint(constraint.metric, constraint.excess(read[constraint.metric]))
        return tuple(read[each.metric] for each in problem.objectives)

    study.optimize(objective, n_trials=trials)
    return curve(problem, trained)


def run(problem: str, sampler: str, seeds: range, trials: int, to: Path) -> None:
    """Add a line to a file for every seed that it lacks."""
    done = {(line["problem"], line["sampler"], line["seed"]) for line in read_lines(to)}
    lacking = [seed for seed in seeds if (problem, sampler, seed) not in done]
    for seed in lacking:
        known = made(problem)
        print(f"{problem}: the best hypervolume is {known.best:.6g}", flush=True)
        began = time.process_time()
        plain = sampler.startswith("optuna:")
        name = sampler.removeprefix("optuna:")
        found = (plain_curve if plain else own_curve)(known, name, seed, trials)
        line = {
            "problem": problem,
            "sampler": sampler,
            "seed": seed,
            "seconds": time.process_time() - began,
            "curve": [round(share, 5) for share in found.tolist()],
        }
        with to.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shown = (f"{100 * found[at - 1]:.1f}" for at in AT if at <= trials)
        print(problem, sampler, seed, *shown, flush=True)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of curves; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def table(path: Path) -> None:
    """Print mean and standard deviation over the seeds of each sampler on each problem.

    The deviation is that of these seeds: the sum of squares divided by their number.
    """
    curves = defaultdict(list)
    seconds = defaultdict(list)
    for line in read_lines(path):
        row = line["problem"], line["sampler"]
        curves[row].append(line["curve"])
        seconds[row].append(line["seconds"] / len(line["curve"]))
    shares = " | ".join(f"to {100 * share:.0f} %" for share in ENOUGH)
    print(f"| problem | sampler | seeds | {' | '.join(map(str, AT))} | {shares} | s a training |")
    print("| --- " * (len(AT) + len(ENOUGH) + 4) + "|")
    for row, found in curves.items():
        cells = []
        for at in AT:
            values = [100 * curve[at - 1] for curve in found if len(curve) >= at]
            spread = f"{np.mean(values):.1f} ± {np.std(values):.1f}" if values else "-"
            cells.append(spread)
        print(
            f"| {' | '.join(row)} | {len(found)} | {' | '.join(cells)} "
            f"| {' | '.join(_reaching(found, share) for share in ENOUGH)} "
            f"| {np.mean(seconds[row]):.2f} |"
        )


def _reaching(curves: list[list[float]], share: float) -> str:
    """Return the median number of trainings until a share, and how many seeds came there."""
    counts = [
        1 + int(np.argmax(np.array(curve) >= share)) if max(curve) >= share else np.inf
        for curve in curves
    ]
    reached = sum(np.isfinite(counts))
    median = float(np.median(counts))
    shown = f"{median:.0f}" if np.isfinite(median) else f"> {max(map(len, curves))}"
    return f"{shown} ({reached} of {len(curves)})"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("problems", nargs="+", choices=PROBLEMS)
    running.add_argument("--samplers", nargs="+", default=SAMPLERS)
    running.add_argument("--seeds", type=int, nargs=2, default=(0, 10))
    running.add_argument("--trials", type=int, default=200)
    running.add_argument("--to", type=Path, required=True)
    commands.add_parser("table").add_argument("path", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "table":
        table(arguments.path)
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    seeds = range(*arguments.seeds)
    for problem, sampler in product(arguments.problems, arguments.samplers):
        run(problem, sampler, seeds, arguments.trials, arguments.to)


if __name__ == "__main__":
    main()
